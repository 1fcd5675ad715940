// Boost.Asio on one thread.
#include <benchmark/benchmark.h>
#include <boost/asio.hpp>

namespace asio = boost::asio;
#define ASIO_NAME "asio"
#include "asio_rows.hpp"
