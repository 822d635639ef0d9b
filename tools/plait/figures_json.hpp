// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "figures.hpp"

namespace plait::tool {

// Found by nlohmann::json through the namespace of the types; a member that is missing or of another type throws
// nlohmann::json::exception.
void to_json(nlohmann::json& out, const Sample& sample);
void from_json(const nlohmann::json& in, Sample& sample);
void to_json(nlohmann::json& out, const Block& block);
void from_json(const nlohmann::json& in, Block& block);
void to_json(nlohmann::json& out, const Figures& figures);
void from_json(const nlohmann::json& in, Figures& figures);

}  // namespace plait::tool
