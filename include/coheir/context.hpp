#pragma once
// Contexts alone, without tasks: keys, values, policies and snapshots.

#include "context/access.hpp"
#include "context/child.hpp"
#include "context/key.hpp"
#include "context/policy.hpp"
#include "context/snapshot.hpp"
#include "context/view.hpp"
