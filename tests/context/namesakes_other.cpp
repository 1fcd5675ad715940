// The other source file of the namesakes test: its own types have the names of the first one's.

#include <coheir/context.hpp>

#include <string>
#include <vector>

#include "namesakes.hpp"

namespace context = coheir::context;

// Compilers number these, in each file from the start.
static struct { int value; } unnamed_one{1};
static struct { int value; } unnamed_two{2};

namespace {

struct namesake {
    int value;
};

template <class T>
auto from_a_template() {
    struct local {
        int value;
    };
    return local{3};
}

}  // namespace

std::vector<std::string> set_in_another_source_file() {
    context::set("namesake", namesake{1});
    context::set("namesakes", std::vector{namesake{2}});
    context::set("local", from_a_template<int>());
    context::set("unnamed one", unnamed_one);
    context::set("unnamed two", unnamed_two);
    context::set("shared type", shared_type{4});
    context::set("vector", std::vector{shared_type{5}});
    context::set("text", "x");
    return {"namesake", "namesakes", "local", "unnamed one", "unnamed two"};
}
