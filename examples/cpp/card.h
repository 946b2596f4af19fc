// The card of a package: everything that a host needs to run steps. Sizes are limited, since the
// file is not trusted.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

struct Thresholds {
  double unsure;     // smoothed probability that a label must reach to become the genre
  double music;      // smoothed probability of music below which the status is "no-music"
  double silence;    // dBFS below which the status is always "no-music"
  double margin;     // lead that another label needs to take over
  double smoothing;  // s, time constant of the smoothing
  double hold;       // smoothed probability below which a decided genre is dropped
};

struct TestVector {
  size_t steps;
  std::string samples, probabilities, music;  // paths
};

struct Variant {
  std::string file, sha256;
  double test_difference;  // largest difference on the test vector, due to rounded weights
};

struct Card {
  std::vector<std::string> labels;
  size_t sample_rate, hop, window, state;  // hop and window in samples, state in numbers
  double hop_seconds;
  Thresholds thresholds;
  std::vector<Variant> variants;
  TestVector test;
};

// The card of the package in `folder`. Throws Failure.
Card read_card(const std::string& folder);

// The entry of a model file of the package. Throws Failure if there is none.
const Variant& variant_of(const Card& card, const std::string& file);

// The smallest model file of the package, which is the default.
std::string default_model(const Card& card);

// The content of a small file. Throws Failure if it cannot be read or is larger than `most` bytes.
std::string read_file(const std::string& path, size_t most);
