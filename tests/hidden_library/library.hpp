#pragma once
// What the library offers.

#include <coheir/coheir.hpp>

#include <asio/io_context.hpp>

coheir::task<int> nap_in_library(asio::io_context& io);
