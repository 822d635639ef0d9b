// SPDX-License-Identifier: BSL-1.0
//
// Against somebody else's TLS: the programs `openssl s_client` and `openssl s_server`.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "plait/tls.hpp"
#include "support/tls.hpp"

namespace plait {
namespace {

using subprocess::Child;
using subprocess::Completed;
using test::authority;
using test::Authority;
using test::client_context;
using test::Identity;
using test::localhost;
using test::server_context;
using test::Shaken;
using test::shaken;

/// A folder with the certificates that the programs read.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "plait_tls_XXXXXX").string();
    path_ = ::mkdtemp(name.data());
    put("authority.pem", authority().certificate());
    put(localhost());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string put(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name) << text;
    return (path_ / name).string();
  }
  void put(const Identity& identity) const {
    put("certificate.pem", identity.certificate);
    put("key.pem", identity.key);
  }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

using Words = std::vector<std::string>;

/// Not a list in braces, which g++-12 does not take in an expression with co_await.
template <class... Each>
Words words(const Each&... each) {
  return Words{std::string(each)...};
}

/// `openssl s_client` at a server of ours, told "localhost", with `more` arguments; what it is given it writes, and it
/// stays until the server closes.
Task<Completed> s_client(const Folder& folder, int port, Words more, std::string input) {
  Words all = words("openssl", "s_client", "-connect", "127.0.0.1:" + std::to_string(port), "-servername", "localhost");
  for (const char* each : {"-CAfile", "authority.pem", "-ign_eof", "-verify_return_error"}) all.emplace_back(each);
  all.insert(all.end(), more.begin(), more.end());
  const std::string cwd = folder.path();
  const subprocess::Command command(all);
  co_return co_await subprocess::run(command,
                                     {.err = subprocess::Out, .input = input, .capture_output = true, .cwd = cwd});
}

/// What a server of ours does with one such client.
struct Served {
  Shaken end;
  std::string line, client_said;
  int status = -1;
  std::optional<TlsInfo> info;
};

Task<Served> serve_s_client(const Folder& folder, TlsContext context, Words more, std::string input = "hello\n") {
  Listener listener = co_await listen_tcp("127.0.0.1", 0);
  auto client = spawn(s_client(folder, listener.port(), std::move(more), std::move(input)));
  Served served;
  served.end = co_await shaken(tls_accept(co_await listener.accept(), context));
  if (served.end.stream) {
    Stream& stream = *served.end.stream;
    served.info = tls_info(stream);
    try {
      served.line = co_await stream.read_line();
      co_await stream.write("you said " + served.line);
    } catch (const TlsError& error) {
      served.end.error = error;
    }
    served.end.stream.reset();
  }
  const Completed done = co_await std::move(client);
  served.client_said = done.out;
  served.status = done.returncode;
  co_return served;
}

/// Whether its end comes without the peer having said that it is through.
Task<bool> is_truncated(Stream& stream) {
  try {
    co_await stream.read_all();
  } catch (const TlsError& error) {
    co_return error.truncated();
  }
  co_return false;
}

TEST(SClient, SpeaksWithOurServer) {
  const Folder folder;
  run([&]() -> Task<> {
    for (const char* version : {"-tls1_3", "-tls1_2"}) {
      const Served served =
          co_await serve_s_client(folder, server_context({.alpn = "h2,http/1.1"}), words(version, "-alpn", "http/1.1"));
      EXPECT_EQ(served.line, "hello\n");
      EXPECT_NE(served.client_said.find("you said hello"), std::string::npos) << served.client_said;
      EXPECT_NE(served.client_said.find("Verify return code: 0 (ok)"), std::string::npos) << served.client_said;
      EXPECT_NE(served.client_said.find("ALPN protocol: http/1.1"), std::string::npos) << served.client_said;
      EXPECT_EQ(served.status, 0);
      EXPECT_EQ(served.info->server_name, "localhost");
      EXPECT_EQ(served.info->alpn, "http/1.1");
      EXPECT_EQ(served.info->version, std::string(version) == "-tls1_3" ? "TLSv1.3" : "TLSv1.2");
    }
  });
}

TEST(SClient, WithAnOldProtocolIsRefused) {
  const Folder folder;
  run([&]() -> Task<> {
    for (const char* version : {"-tls1", "-tls1_1"}) {
      const Served served =
          co_await serve_s_client(folder, server_context(), words(version, "-cipher", "ALL:@SECLEVEL=0"));
      EXPECT_EQ(served.end.error ? served.end.error->reason() : "", "unsupported protocol") << served.client_said;
      EXPECT_NE(served.status, 0);
    }
    const Served served =
        co_await serve_s_client(folder, server_context({.minimum = TlsVersion::tls1_3}), words("-tls1_2"));
    EXPECT_EQ(served.end.error ? served.end.error->reason() : "", "unsupported protocol") << served.client_said;
  });
}

TEST(SClient, ShowsItsCertificate) {
  const Folder folder;
  const std::string trusted = authority().certificate();
  const TlsContext server = server_context({.clients = ClientCertificates::required, .client_authorities = trusted});
  run([&]() -> Task<> {
    folder.put(authority().issue_for("alice"));
    const Words known = words("-cert", "certificate.pem", "-key", "key.pem");
    const Served good = co_await serve_s_client(folder, server, known);
    EXPECT_EQ(good.info ? good.info->peer_subject : "", "CN=alice");
    EXPECT_EQ(good.line, "hello\n");
    folder.put(Authority("Strangers").issue_for("mallory"));
    const Served bad = co_await serve_s_client(folder, server, known);
    EXPECT_EQ(bad.end.error ? bad.end.error->verification() : "", "unable to get local issuer certificate");
    const Served none = co_await serve_s_client(folder, server, words());
    EXPECT_EQ(none.end.error ? none.end.error->reason() : "", "peer did not return a certificate");
  });
}

TEST(SClient, GoesOnWithItsSession) {
  const Folder folder;
  run([&]() -> Task<> {
    const TlsContext server = server_context();
    const Served first = co_await serve_s_client(folder, server, words("-sess_out", "session"));
    EXPECT_FALSE(first.info->resumed);
    const Served second = co_await serve_s_client(folder, server, words("-sess_in", "session"));
    EXPECT_TRUE(second.info->resumed);
    EXPECT_EQ(second.line, "hello\n");
    EXPECT_NE(second.client_said.find("Reused, TLSv1.3"), std::string::npos) << second.client_said;
  });
}

/// A client that is there until it is told otherwise.
Task<Child> lasting_client(const Folder& folder, int port, const char* version) {
  const std::string to = "127.0.0.1:" + std::to_string(port), cwd = folder.path();
  const subprocess::Command command("openssl", "s_client", "-connect", to, "-CAfile", "authority.pem", version);
  co_return co_await subprocess::spawn(
      command, {.in = subprocess::Pipe, .out = subprocess::Null, .err = subprocess::Pipe, .cwd = cwd});
}

TEST(SClient, ThatChangesItsKeysIsAnswered) {
  const Folder folder;
  run([&]() -> Task<> {
    Listener listener = co_await listen_tcp("127.0.0.1", 0);
    Child client = co_await lasting_client(folder, listener.port(), "-tls1_3");
    Stream stream = co_await tls_accept(co_await listener.accept(), server_context());
    for (int i = 0; i < 2; ++i) {
      co_await client.in().write("before\n");
      EXPECT_EQ(co_await stream.read_line(), "before\n");
      co_await client.in().write("K\n");  // its command to change the keys of both
      co_await client.err().read_until("KEYUPDATE\n");
      co_await client.in().write("after\n");
      EXPECT_EQ(co_await stream.read_line(), "after\n");
      co_await stream.write("answer\n");
    }
    client.in().close();
    EXPECT_EQ(co_await stream.read_all(), "");
    co_await client.wait();
  });
}

TEST(SClient, ThatIsKilledLeavesATruncatedStream) {
  const Folder folder;
  run([&]() -> Task<> {
    Listener listener = co_await listen_tcp("127.0.0.1", 0);
    Child client = co_await lasting_client(folder, listener.port(), "-tls1_3");
    Stream stream = co_await tls_accept(co_await listener.accept(), server_context());
    co_await client.in().write("half a mess");
    EXPECT_EQ(co_await stream.read_exactly(11), "half a mess");
    client.kill();
    EXPECT_TRUE(co_await is_truncated(stream));
    co_await client.wait();
  });
}

// ---- Our client at s_server ----

struct Server {
  Child child;
  int port = 0;
};

/// `openssl s_server` with the folder's certificate and `more` arguments, once it listens.
Task<Server> s_server(const Folder& folder, Words more) {
  Words all = words("openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", "certificate.pem", "-key", "key.pem");
  all.insert(all.end(), more.begin(), more.end());
  const std::string cwd = folder.path();
  const subprocess::Command command(all);
  Child child = co_await subprocess::spawn(
      command, {.in = subprocess::Pipe, .out = subprocess::Pipe, .err = subprocess::Null, .cwd = cwd});
  Server server{std::move(child)};
  const std::string mark = "ACCEPT 127.0.0.1:";
  while (server.port == 0) {
    const std::string line = co_await server.child.out().read_line();
    if (line.empty()) throw std::runtime_error("s_server did not start");
    if (line.starts_with(mark)) server.port = std::stoi(line.substr(mark.size()));
  }
  co_return server;
}

/// What our client says to a server, "" if it is content.
Task<std::string> verdict(const Folder& folder, Words more, TlsContext context, std::string name = "localhost") {
  Server server = co_await s_server(folder, std::move(more));
  Stream tcp = co_await connect_tcp("127.0.0.1", server.port);
  const Shaken end = co_await shaken(tls_connect(std::move(tcp), context, {.server_name = name}));
  co_await server.child.stop();
  if (!end.error) co_return "";
  co_return end.error->verification().empty() ? end.error->reason() : end.error->verification();
}

TEST(SServer, SpeaksWithOurClient) {
  const Folder folder;
  run([&]() -> Task<> {
    for (const char* version : {"-tls1_3", "-tls1_2"}) {
      Server server = co_await s_server(folder, words("-rev", "-alpn", "h2", version));
      Stream stream = co_await connect_tls("localhost", server.port, client_context({.alpn = "h2"}));
      EXPECT_EQ(tls_info(stream)->alpn, "h2");
      co_await stream.write("abcdef\n");
      EXPECT_EQ(co_await stream.read_line(), "fedcba\n");
      stream.close();
      co_await server.child.stop();
    }
  });
}

TEST(SServer, IsRefusedForItsCertificate) {
  const Folder folder;
  run([&]() -> Task<> {
    const TlsContext context = client_context();
    EXPECT_EQ(co_await verdict(folder, words("-rev"), context), "");
    EXPECT_EQ(co_await verdict(folder, words("-rev"), context, "example.org"), "hostname mismatch");
    EXPECT_EQ(co_await verdict(folder, words("-rev"), context, "127.0.0.2"), "IP address mismatch");
    folder.put(authority().issue({.from = -7200, .to = -3600}));
    EXPECT_EQ(co_await verdict(folder, words("-rev"), context), "certificate has expired");
    folder.put(Authority("localhost").self());
    EXPECT_EQ(co_await verdict(folder, words("-rev"), context), "self-signed certificate");
  });
}

TEST(SServer, WithAnOldProtocolIsRefused) {
  const Folder folder;
  run([&]() -> Task<> {
    for (const char* version : {"-tls1", "-tls1_1"}) {
      const std::string said =
          co_await verdict(folder, words("-rev", version, "-cipher", "ALL:@SECLEVEL=0"), client_context());
      EXPECT_NE(said.find("protocol version"), std::string::npos) << said;
    }
  });
}

TEST(SServer, WantsToKnowItsClient) {
  const Folder folder;
  run([&]() -> Task<> {
    const Words asks = words("-rev", "-Verify", "1", "-CAfile", "authority.pem", "-verify_return_error", "-tls1_2");
    const Identity alice = authority().issue_for("alice");
    const TlsContext known = client_context({.certificate = alice.certificate, .key = alice.key});
    EXPECT_EQ(co_await verdict(folder, asks, known), "");
    const std::string said = co_await verdict(folder, asks, client_context());
    EXPECT_NE(said.find("alert handshake failure"), std::string::npos) << said;
  });
}

TEST(SServer, SendsAFile) {
  const Folder folder;
  std::string text(5 << 20, '\0');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 31 % 251);
  folder.put("file", text);
  run([&]() -> Task<> {
    Server server = co_await s_server(folder, words("-HTTP"));
    const TlsContext context = client_context({.allow_truncation = true});  // it does not say its end
    Stream stream = co_await connect_tls("localhost", server.port, context);
    co_await stream.write("GET /file HTTP/1.0\r\n\r\n");
    EXPECT_TRUE(co_await stream.read_all() == text);
    co_await server.child.stop();
  });
}

TEST(SServer, ThatIsKilledLeavesATruncatedStream) {
  const Folder folder;
  run([&]() -> Task<> {
    Server server = co_await s_server(folder, words("-rev"));
    Stream stream = co_await connect_tls("localhost", server.port, client_context());
    co_await stream.write("abc\n");
    EXPECT_EQ(co_await stream.read_line(), "cba\n");
    server.child.kill();
    EXPECT_TRUE(co_await is_truncated(stream));
    co_await server.child.wait();
  });
}

}  // namespace
}  // namespace plait
