// SPDX-License-Identifier: BSL-1.0
#include <cstdint>
#include <plait/process/portable_call.hpp>
#include <string>
#include <vector>

#include "measure.hpp"

namespace {

struct Small {
  int n;
  double x;
  std::string text;
};
/// 4.5 KB.
struct Record {
  std::uint64_t id;
  double x;
  std::string text;
  std::vector<double> numbers;
  std::vector<std::string> names;
};
/// 848 KB.
struct Large {
  std::vector<double> numbers;
  std::vector<std::string> names;
};

template <class T>
T sample();
template <>
Small sample() {
  return {1, 2, "12345678"};
}
template <>
Record sample() {
  return {1, 2, "a record", std::vector<double>(500, 1.5), std::vector<std::string>(20, "twelve bytes")};
}
template <>
Large sample() {
  return {std::vector<double>(100'000, 1.5), std::vector<std::string>(2'000, "twenty-four bytes, about")};
}

template <class T>
void encode(benchmark::State& state) {
  const T value = sample<T>();
  plait::Encoder out;
  for (auto _ : state) {
    out.clear();
    out.write(value);
    benchmark::DoNotOptimize(out.bytes().data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * out.size()));
}
template <class T>
void decode(benchmark::State& state) {
  plait::Encoder out;
  out.write(sample<T>());
  for (auto _ : state) {
    plait::Decoder in(out.bytes());
    benchmark::DoNotOptimize(in.read<T>());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * out.size()));
}
BENCHMARK(encode<Small>);
BENCHMARK(decode<Small>);
BENCHMARK(encode<Record>);
BENCHMARK(decode<Record>);
BENCHMARK(encode<Large>);
BENCHMARK(decode<Large>);

int half(int n) { return n / 2; }

void call_encode(benchmark::State& state) {
  plait::Encoder out;
  int n = 0;
  for (auto _ : state) {
    out.clear();
    plait::detail::encode_call(out, half, n++);
    benchmark::DoNotOptimize(out.bytes().data());
  }
}
/// Finds the function, reads the argument, calls, and writes the result.
void call_run(benchmark::State& state) {
  plait::Encoder call, out;
  plait::detail::encode_call(call, half, 7);
  for (auto _ : state) {
    out.clear();
    plait::Decoder in(call.bytes());
    plait::detail::run_call(in, out);
    benchmark::DoNotOptimize(out.bytes().data());
  }
}
BENCHMARK(call_encode);
BENCHMARK(call_run);

}  // namespace
