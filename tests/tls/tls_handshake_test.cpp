// SPDX-License-Identifier: BSL-1.0
//
// Handshakes of Plait with itself: who is believed, who is refused and with which words, what is agreed on.
#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <string>

#include "plait/tls.hpp"
#include "support/tasks.hpp"
#include "support/tls.hpp"

namespace plait {
namespace {

using test::Authority;
using test::authority;
using test::CertificateOptions;
using test::client_context;
using test::connected_pair;
using test::Identity;
using test::localhost;
using test::Pair;
using test::server_context;
using test::shake;
using test::ShakenPair;
using test::tls_pair;

/// What a client says to a server with this certificate.
std::optional<TlsError> refusal(const Identity& server, const std::string& name = "localhost") {
  std::optional<TlsError> error;
  run([&]() -> Task<> {
    const TlsContext context = TlsContext::server({.certificate = server.certificate, .key = server.key});
    ShakenPair ends = co_await shake(co_await connected_pair(), client_context(), context, name);
    error = std::move(ends.client.error);
    EXPECT_EQ(error.has_value(), !ends.client.stream.has_value());
  });
  return error;
}

Identity issued(const CertificateOptions& options) { return authority().issue(options); }

TEST(TlsHandshake, AgreesWithWhomItTrusts) {
  run([]() -> Task<> {
    Pair pair = co_await tls_pair();
    const TlsInfo client = tls_info(pair.client).value();
    EXPECT_EQ(client.version, "TLSv1.3");
    EXPECT_EQ(client.cipher.substr(0, 4), "TLS_");
    EXPECT_EQ(client.peer_subject, "CN=localhost");
    EXPECT_FALSE(client.resumed);
    const TlsInfo server = tls_info(pair.server).value();
    EXPECT_EQ(server.cipher, client.cipher);
    EXPECT_EQ(server.server_name, "localhost");
    EXPECT_EQ(server.peer_subject, "");
    EXPECT_EQ(pair.client.peer_address().substr(0, 10), "127.0.0.1:");
  });
}

TEST(TlsHandshake, AStreamWithoutTlsHasNoInfo) {
  run([]() -> Task<> {
    Pair pair = co_await connected_pair();
    EXPECT_FALSE(tls_info(pair.client).has_value());
  });
}

TEST(TlsHandshake, TheServerMustBeWhomItIsAskedFor) {
  EXPECT_FALSE(refusal(issued({.name = "example.org"}), "example.org"));
  EXPECT_FALSE(refusal(issued({.name = "x", .alternatives = "DNS:*.example.org"}), "www.example.org"));
  EXPECT_FALSE(refusal(issued({.name = "example.org"}), "example.org."));
  for (const char* name : {"example.com", "www.example.org", "xexample.org", "127.0.0.1"}) {
    const auto error = refusal(issued({.name = "example.org"}), name);
    ASSERT_TRUE(error) << name;
    EXPECT_EQ(error->verification(), name[0] == '1' ? "IP address mismatch" : "hostname mismatch") << name;
    EXPECT_EQ(error->reason(), "certificate verify failed");
    EXPECT_EQ(error->operation(), "handshake with");
    EXPECT_NE(error->peer().find(std::string(" (") + name + ")"), std::string::npos) << error->peer();
    EXPECT_EQ(std::string(error->what()),
              "TLS: handshake with " + error->peer() + ": certificate verify failed: " + error->verification());
    EXPECT_FALSE(error->truncated());
  }
  EXPECT_TRUE(refusal(issued({.name = "x", .alternatives = "DNS:f*.example.org"}), "foo.example.org"));
}

TEST(TlsHandshake, AnAddressIsVerifiedAsOne) {
  EXPECT_FALSE(refusal(localhost(), "127.0.0.1"));
  const Identity by_name = issued({.name = "127.0.0.1", .alternatives = "DNS:127.0.0.1"});
  ASSERT_TRUE(refusal(by_name, "127.0.0.1"));
  EXPECT_FALSE(refusal(issued({.name = "six", .alternatives = "IP:::1"}), "::1"));
}

TEST(TlsHandshake, ACertificateMustBeGoodToday) {
  const auto expired = refusal(issued({.from = -7200, .to = -3600}));
  ASSERT_TRUE(expired);
  EXPECT_EQ(expired->verification(), "certificate has expired");
  const auto early = refusal(issued({.from = 3600, .to = 7200}));
  ASSERT_TRUE(early);
  EXPECT_EQ(early->verification(), "certificate is not yet valid");
}

TEST(TlsHandshake, ACertificateMustComeFromATrustedAuthority) {
  const auto own = refusal(Authority("localhost").self());
  ASSERT_TRUE(own);
  EXPECT_EQ(own->verification(), "self-signed certificate");
  const auto strange = refusal(Authority("Strangers").issue_for("localhost"));
  ASSERT_TRUE(strange);
  EXPECT_EQ(strange->verification(), "unable to get local issuer certificate");
}

TEST(TlsHandshake, AnAuthorityBetweenHasToBeShownAndToBeOne) {
  const Authority between("Between", authority(), true);
  Identity server = between.issue_for("localhost");
  const auto alone = refusal(server);
  ASSERT_TRUE(alone);
  EXPECT_EQ(alone->verification(), "unable to get local issuer certificate");
  server.certificate += between.certificate();
  EXPECT_FALSE(refusal(server));
  const Authority pretender("Pretender", authority(), false);
  server = pretender.issue_for("localhost");
  server.certificate += pretender.certificate();
  const auto pretended = refusal(server);
  ASSERT_TRUE(pretended);
  EXPECT_EQ(pretended->verification(), "invalid CA certificate");
}

TEST(TlsHandshake, TheServerHearsWhyItWasRefused) {
  run([]() -> Task<> {
    ShakenPair ends = co_await shake(co_await connected_pair(), client_context(), server_context(), "example.org");
    EXPECT_TRUE(ends.client.error);
    // In TLS 1.3 a server may be through with its handshake before it hears of it.
    if (ends.server.stream) {
      bool heard = false;
      try {
        co_await ends.server.stream->read_all();
      } catch (const TlsError& error) {
        heard = true;
        EXPECT_NE(std::string(error.what()).find("alert bad certificate"), std::string::npos) << error.what();
        EXPECT_EQ(error.operation(), "read from");
      }
      EXPECT_TRUE(heard);
    } else {
      EXPECT_NE(std::string(ends.server.error->what()).find("alert bad certificate"), std::string::npos)
          << ends.server.error->what();
    }
  });
}

TEST(TlsHandshake, WithoutVerificationAnybodyWillDo) {
  run([]() -> Task<> {
    const Identity own = Authority("nobody").self();
    const TlsContext server = TlsContext::server({.certificate = own.certificate, .key = own.key});
    ShakenPair ends = co_await shake(co_await connected_pair(), TlsContext::client({.verify = false}), server, "");
    EXPECT_TRUE(ends.client.stream);
    EXPECT_TRUE(ends.server.stream);
  });
}

TEST(TlsHandshake, TheSystemsAuthoritiesAreTrustedByDefault) {
  run([]() -> Task<> {
    ShakenPair ends = co_await shake(co_await connected_pair(), TlsContext::client(), server_context());
    EXPECT_TRUE(ends.client.error);
    EXPECT_EQ(ends.client.error->verification(), "unable to get local issuer certificate");
  });
}

TEST(TlsHandshake, AVerifyingClientHasToSayWhomItWants) {
  run([]() -> Task<> {
    Pair pair = co_await connected_pair();
    Pair other = co_await connected_pair();
    bool refused = false;
    auto nameless = tls_connect(std::move(pair.client), client_context());
    try {
      co_await std::move(nameless);
    } catch (const std::logic_error& error) {
      refused = true;
      EXPECT_NE(std::string(error.what()).find("server_name"), std::string::npos);
    }
    EXPECT_TRUE(refused);
    EXPECT_THROW((void)tls_connect(std::move(pair.server), server_context(), {.server_name = "x"}), std::logic_error);
    EXPECT_THROW((void)tls_accept(std::move(other.client), client_context()), std::logic_error);
  });
}

struct Mutual {
  std::optional<TlsError> client, server;
  std::string subject;
};

/// A client with this certificate, or none, at a server that wants one.
Mutual mutual(const Identity& who, ClientCertificates wanted, TlsVersion minimum = TlsVersion::tls1_3) {
  Mutual seen;
  run([&]() -> Task<> {
    const Authority& trusted = authority();
    const std::string clients = trusted.certificate();
    const TlsContext server = server_context({.clients = wanted, .client_authorities = clients, .minimum = minimum});
    const TlsContext client = client_context({.certificate = who.certificate, .key = who.key});
    ShakenPair ends = co_await shake(co_await connected_pair(), client, server);
    seen.server = ends.server.error;
    seen.client = ends.client.error;
    if (ends.server.stream) {
      seen.subject = tls_info(*ends.server.stream)->peer_subject;
      ends.server.stream->close();
    }
    if (!ends.client.stream) co_return;
    try {
      EXPECT_EQ(co_await ends.client.stream->read_all(), "");
    } catch (const TlsError& error) {
      seen.client = error;
    }
  });
  return seen;
}

TEST(TlsHandshake, MutualTlsKnowsTheClient) {
  const Mutual good = mutual(authority().issue_for("alice"), ClientCertificates::required);
  EXPECT_FALSE(good.server);
  EXPECT_FALSE(good.client);
  EXPECT_EQ(good.subject, "CN=alice");
  const Mutual without = mutual({}, ClientCertificates::optional);
  EXPECT_FALSE(without.server);
  EXPECT_EQ(without.subject, "");
}

TEST(TlsHandshake, MutualTlsRefusesWhomItDoesNotKnow) {
  const Mutual nobody = mutual({}, ClientCertificates::required);
  ASSERT_TRUE(nobody.server);
  EXPECT_EQ(nobody.server->reason(), "peer did not return a certificate");
  ASSERT_TRUE(nobody.client);  // it hears of it when it reads
  EXPECT_NE(std::string(nobody.client->what()).find("alert certificate required"), std::string::npos);
  for (const ClientCertificates wanted : {ClientCertificates::optional, ClientCertificates::required}) {
    const Mutual stranger = mutual(Authority("Strangers").issue_for("mallory"), wanted);
    ASSERT_TRUE(stranger.server);
    EXPECT_EQ(stranger.server->verification(), "unable to get local issuer certificate");
    EXPECT_TRUE(stranger.client);
  }
}

/// The protocols that the ends of a handshake agreed on; "refused" if they did not.
std::string agreed(const char* client, const char* server) {
  std::string result = "refused";
  run([&]() -> Task<> {
    ShakenPair ends =
        co_await shake(co_await connected_pair(), client_context({.alpn = client}), server_context({.alpn = server}));
    if (!ends.client.stream || !ends.server.stream) {
      EXPECT_TRUE(ends.server.error);
      co_return;
    }
    result = tls_info(*ends.client.stream)->alpn;
    EXPECT_EQ(tls_info(*ends.server.stream)->alpn, result);
  });
  return result;
}

TEST(TlsHandshake, AgreesOnAProtocol) {
  EXPECT_EQ(agreed("http/1.1,h2", "h2,http/1.1"), "h2");  // as the server likes it
  EXPECT_EQ(agreed("http/1.1", "h2,http/1.1"), "http/1.1");
  EXPECT_EQ(agreed("", "h2"), "");
  EXPECT_EQ(agreed("h2", ""), "");
  EXPECT_EQ(agreed("spdy", "h2"), "refused");
}

TEST(TlsHandshake, GoesOnWithAnEarlierSession) {
  for (const TlsVersion newest : {TlsVersion::tls1_3, TlsVersion::tls1_2}) {
    for (const bool kept : {true, false}) {
      run([&]() -> Task<> {
        Listener listener = co_await listen_tcp("127.0.0.1", 0);
        const TlsContext server = server_context({.resume = kept});
        if (newest == TlsVersion::tls1_2) SSL_CTX_set_max_proto_version(test::raw(server), TLS1_2_VERSION);
        const TlsContext client = client_context();
        for (int i = 0; i < 3; ++i) {
          auto connecting = spawn(connect_tls("localhost", listener.port(), client));
          Stream at_server = co_await tls_accept(co_await listener.accept(), server);
          Stream at_client = co_await std::move(connecting);
          EXPECT_EQ(tls_info(at_client)->resumed, kept && i > 0);
          EXPECT_EQ(tls_info(at_server)->resumed, kept && i > 0);
          EXPECT_EQ(tls_info(at_client)->peer_subject, "CN=localhost");
          // Sessions of TLS 1.3 come after the handshake, with what is read first.
          co_await at_server.write("x");
          char byte;
          EXPECT_EQ(co_await at_client.read_some({&byte, 1}), 1u);
          at_client.close();
          EXPECT_EQ(co_await at_server.read_all(), "");
        }
        // Another name is another server.
        auto connecting = spawn(connect_tls("127.0.0.1", listener.port(), client));
        Stream at_server = co_await tls_accept(co_await listener.accept(), server);
        Stream at_client = co_await std::move(connecting);
        EXPECT_FALSE(tls_info(at_client)->resumed);
      });
    }
  }
}

TEST(TlsHandshake, ThatIsNoneEndsWithAnError) {
  run([]() -> Task<> {
    Pair pair = co_await connected_pair();
    co_await pair.client.write("GET / HTTP/1.1\r\n\r\n");
    test::Shaken end = co_await test::shaken(tls_accept(std::move(pair.server), server_context()));
    EXPECT_TRUE(end.error);
    EXPECT_EQ(end.error->reason(), "http request");
  });
}

TEST(TlsHandshake, ThatIsCutEndsWithAnError) {
  run([]() -> Task<> {
    Pair pair = co_await connected_pair();
    pair.client.shutdown_write();
    test::Shaken end = co_await test::shaken(tls_accept(std::move(pair.server), server_context()));
    EXPECT_TRUE(end.error);
    EXPECT_TRUE(end.error->truncated());
    EXPECT_NE(std::string(end.error->what()).find("the connection ended before TLS did"), std::string::npos);
  });
}

TEST(TlsContext, RefusesWhatItCannotLoad) {
  const Identity other = authority().issue_for("other");
  const auto what = [](const auto& make) -> std::string {
    try {
      make();
    } catch (const TlsError& error) {
      return error.what();
    }
    return "";
  };
  const Identity& own = localhost();
  EXPECT_EQ(what([&] { TlsContext::server({.certificate = "/none.pem", .key = own.key}); }),
            "TLS: load the certificate /none.pem: no start line");
  EXPECT_EQ(what([&] { TlsContext::server({.certificate = own.certificate, .key = other.key}); }),
            "TLS: load the key given as text: key values mismatch");
  EXPECT_NE(what([&] { TlsContext::server({.certificate = "-----BEGIN x", .key = own.key}); }), "");
  EXPECT_NE(what([&] { TlsContext::client({.authorities = "/none.pem"}); }), "");
  EXPECT_THROW(TlsContext::server({.certificate = own.certificate}), std::logic_error);
  EXPECT_THROW(client_context({.alpn = "h2,,x"}), std::logic_error);
  EXPECT_THROW(server_context({.clients = ClientCertificates::required}), std::logic_error);
}

TEST(TlsHandler, ServesOverTlsAndGivesUpOnThoseWhoDoNotShakeHands) {
  run([]() -> Task<> {
    Listener listener = co_await listen_tcp("127.0.0.1", 0);
    int served = 0;
    const auto answer = [&served](Stream stream) -> Task<> {
      ++served;
      const std::string line = co_await stream.read_line();
      co_await stream.write("> " + line);
    };
    const auto handler = tls_handler(server_context(), answer);
    const auto hasty = tls_handler(server_context(), answer, {.handshake = std::chrono::milliseconds(5)});
    auto talking = spawn([&]() -> Task<> {
      Stream stream = co_await connect_tls("localhost", listener.port(), client_context());
      co_await stream.write("hello\n");
      EXPECT_EQ(co_await stream.read_all(), "> hello\n");
    });
    co_await handler(co_await listener.accept());
    co_await talking;
    EXPECT_EQ(served, 1);
    Stream silent = co_await connect_tcp("127.0.0.1", listener.port());
    Stream accepted = co_await listener.accept();
    EXPECT_THROW(co_await hasty(std::move(accepted)), TimeoutError);
    EXPECT_EQ(served, 1);
    EXPECT_EQ(co_await silent.read_all(), "");
  });
}

}  // namespace
}  // namespace plait
