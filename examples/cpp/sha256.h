// The SHA-256 hash of a file (FIPS 180-4), to find damaged copies.
#pragma once

#include <string>

// In hexadecimal digits. Throws Failure: the file cannot be read.
std::string sha256_of_file(const std::string& path);
