#pragma once
// The version of the library, for the preprocessor and for code.

#define COHEIR_VERSION_MAJOR 0
#define COHEIR_VERSION_MINOR 1
#define COHEIR_VERSION_PATCH 0

namespace coheir {

struct version_number {
    int major_number;
    int minor_number;
    int patch_number;
};

/// The version that these headers are.
inline constexpr version_number version{COHEIR_VERSION_MAJOR, COHEIR_VERSION_MINOR, COHEIR_VERSION_PATCH};

}  // namespace coheir
