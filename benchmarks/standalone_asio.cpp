// Standalone Asio on one thread.
// Asio 1.22 does not know that clang has coroutines.
#if defined(__clang__) && !defined(ASIO_HAS_CO_AWAIT)
#define ASIO_HAS_CO_AWAIT 1
#endif
#include <asio.hpp>
#include <benchmark/benchmark.h>

#define ASIO_NAME "asio_standalone"
#include "asio_rows.hpp"
