#pragma once
// Every operator new of this program counts the blocks that live, and fails when it is told to.

#include <coheir/config.hpp>

#include <cstddef>

// clang's thread sanitizer brings an operator new that cannot be replaced: there nothing fails.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define COHEIR_TEST_CANNOT_COUNT
#endif
#endif

static_assert(!COHEIR_RECYCLE_MEMORY, "a request that recycled memory answers cannot fail");

namespace test {

class failure;

/// The blocks that operator new has given and operator delete has not got back, of all threads.
std::size_t live_blocks() noexcept;

/// While it lives, a failure is asked at each request for memory of this thread: where it strikes, there is
/// none.
class short_of_memory {
public:
    explicit short_of_memory(failure& by) noexcept;
    ~short_of_memory();
    short_of_memory(const short_of_memory&) = delete;
    short_of_memory& operator=(const short_of_memory&) = delete;
};

/// The same for those who ask for memory elsewhere than of operator new.
[[nodiscard]] bool memory_is_short() noexcept;

}  // namespace test
