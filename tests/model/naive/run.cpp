#include "run.hpp"

#include "reference.hpp"

namespace model::naive {

outcome run(const program& p) { return reference(p).run(); }

}  // namespace model::naive
