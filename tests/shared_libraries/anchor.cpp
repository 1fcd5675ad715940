// The anchor of the programs that have one.
#include <coheir/anchor.hpp>
