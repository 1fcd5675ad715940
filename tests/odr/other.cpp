// The other translation unit: reads what main.cpp has set.
#include <coheir/coheir.hpp>

#include <string>

coheir::task<std::string> read_in_other() { co_return coheir::context::get<std::string>("user", "nobody"); }
