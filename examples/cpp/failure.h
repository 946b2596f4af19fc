// Errors that end the program, with a message on one line and an exit code.
#pragma once

#include <stdexcept>
#include <string>

enum ExitCode { kDone = 0, kFailed = 1, kUsage = 2, kUnreadable = 3, kBadModel = 5 };

struct Failure : std::runtime_error {
  Failure(ExitCode code, const std::string& what) : std::runtime_error(what), code(code) {}
  ExitCode code;
};
