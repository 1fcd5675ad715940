// Standalone Asio on one thread.
#include <asio.hpp>
#include <benchmark/benchmark.h>

#define ASIO_NAME "asio_standalone"
#include "asio_rows.hpp"
