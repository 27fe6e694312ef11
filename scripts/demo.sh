#!/bin/sh
# The main job on a fresh clone: dependencies and build as far as they are missing, then the demo.
set -eu
cd "$(dirname "$0")/.."
node scripts/build.mjs
exec node scripts/demo/demo.mjs "$@"
