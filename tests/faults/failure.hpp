#pragma once
// Something that fails the n-th time, for n = 1, 2 … until it succeeds: what must hold each time.

#include <catch2/catch.hpp>

#include <cstddef>
#include <exception>
#include <new>

#include "faults/memory.hpp"

namespace test {

/// Strikes the n-th time that it is asked, and perhaps ever after.
class failure {
public:
    failure(std::size_t nth, bool for_good) noexcept : nth_(nth), for_good_(for_good) {}
    bool strikes() noexcept {
        ++asked_;
        const bool now = asked_ == nth_ || (for_good_ && asked_ > nth_);
        met_ = met_ || now;
        return now;
    }
    [[nodiscard]] bool met() const noexcept { return met_; }

private:
    std::size_t nth_;
    bool for_good_;
    std::size_t asked_ = 0;
    bool met_ = false;
};

/// What is thrown where a failure strikes in code of the user's: no std::exception.
struct refusal {};

/// Whether an exception is what a failure makes of itself.
inline bool is_a_failure(const std::exception_ptr& error) noexcept {
    try {
        std::rethrow_exception(error);
    } catch (const std::bad_alloc&) {
        return true;
    } catch (const refusal&) {
        return true;
    } catch (...) {
        return false;
    }
}

/// What an attempt says of itself. It allocates nothing that outlives it, not even a message.
struct verdict {
    bool succeeded = false;
    const char* wrong = nullptr;

    void expect(bool holds, const char* what) noexcept {
        if (!holds && !wrong) wrong = what;
    }
};

/// Calls attempt(failure&), which gives a verdict, with the first failure, the second … until none is met:
/// then it must succeed. Never may anything be wrong, or memory be left. How many failures were met.
template <class Attempt>
std::size_t for_every_failure(Attempt attempt) {
    failure none(0, false);
    REQUIRE(attempt(none).succeeded);  // makes what is made once
    std::size_t met = 0;
    for (const bool for_good : {false, true})
        for (std::size_t nth = 1;; ++nth) {
            failure f(nth, for_good);
            const std::size_t before = live_blocks();
            const verdict v = attempt(f);
            const std::size_t after = live_blocks();
            CAPTURE(nth, for_good);
            if (v.wrong) FAIL_CHECK(v.wrong);
            CHECK(after == before);
            if (!f.met()) {
                CHECK(v.succeeded);
                break;
            }
            ++met;
            REQUIRE(nth < 10'000);
        }
    return met;
}

}  // namespace test
