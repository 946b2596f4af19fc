// The SHA-256 hash of a file (FIPS 180-4), to find damaged copies.
#pragma once

#include <string>

// The hash in hexadecimal digits. Throws Failure if the file cannot be read.
std::string sha256_of_file(const std::string& path);
