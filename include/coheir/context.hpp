#pragma once
// Contexts alone, without tasks: keys, values, policies, snapshots, and taking them along.

#include "context/access.hpp"
#include "context/capture.hpp"
#include "context/child.hpp"
#include "context/dump.hpp"
#include "context/key.hpp"
#include "context/policy.hpp"
#include "context/scoped.hpp"
#include "context/snapshot.hpp"
#include "context/view.hpp"
