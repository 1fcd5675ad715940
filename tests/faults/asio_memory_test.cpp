// Standalone Asio without memory.
#include "faults/memory.hpp"
#ifndef COHEIR_TEST_CANNOT_COUNT

#include <coheir/adapters/asio.hpp>
#include <coheir/adapters/asio_context.hpp>

#include <asio.hpp>

#define FLAVOUR "asio: "
using asio::error_code;
using asio::system_error;
using io_context = coheir::asio_io_context;

#include "faults/asio_memory_tests.hpp"

#endif
