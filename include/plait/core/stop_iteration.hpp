// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <exception>

namespace plait {

/// Says that a generator has no more values. `plait::next` throws it; the member functions of Generator answer with an
/// empty optional instead, and a range-for loop simply ends.
///
/// A StopIteration must not leave the body of a generator, where it would look like that generator's own end: it
/// becomes a std::runtime_error with the StopIteration nested in it (PEP 479).
/// Source: Python's StopIteration. The value it carries there is `Generator::returned()` here.
class StopIteration final : public std::exception {
 public:
  const char* what() const noexcept override { return "plait::StopIteration: the generator is exhausted"; }
};

/// What `Generator::close()` throws at the `co_yield` a generator waits at, so that its handlers run.
///
/// It is not a std::exception, so that `catch (const std::exception&)` in a body does not swallow it. A handler that
/// catches it ends the generator, by `throw` or by `co_return`.
/// Source: Python's GeneratorExit, which is no Exception either.
class GeneratorExit final {};

}  // namespace plait
