#!/usr/bin/env bash
# Installs the tools for test/system/deploy/k8s.test.ts and compose.test.ts in .cache/tools: kustomize, kubeconform and
# compose-spec (with Go), and the Kubernetes JSON schemas (from a PyPI package). Versions are pinned. Skips tools that are
# already installed.
set -euo pipefail
cd "$(dirname "$0")/../.."
tools=$PWD/.cache/tools
mkdir -p "$tools/bin"

KUSTOMIZE=v5.7.1
KUBECONFORM=v0.7.0
# The library with which Docker Compose 2.40 reads, merges and validates its files.
COMPOSE_GO=v2.9.1
SCHEMAS=1.37.0

[ -x "$tools/bin/kubeconform" ] || GOBIN="$tools/bin" go install "github.com/yannh/kubeconform/cmd/kubeconform@$KUBECONFORM"
[ -x "$tools/bin/kustomize" ] || GOBIN="$tools/bin" go install "sigs.k8s.io/kustomize/kustomize/v5@$KUSTOMIZE"
if [ ! -x "$tools/bin/compose-spec" ]; then
  # The package's folder is called `cmd`, and so is the program.
  built=$(mktemp -d "$tools/bin/compose-spec.XXXXXX")
  GOBIN="$built" go install "github.com/compose-spec/compose-go/v2/cmd@$COMPOSE_GO"
  mv "$built/cmd" "$tools/bin/compose-spec"
  rmdir "$built"
fi
if [ ! -d "$tools/schemas/v$SCHEMAS-strict" ]; then
  download=$(mktemp -d)
  trap 'rm -rf "$download"' EXIT
  python3 -m pip download --quiet --no-deps --dest "$download" "kubernetes-validate==$SCHEMAS"
  # The package's schemas refer to a shared definitions file, but kubeconform needs self-contained schemas.
  python3 - "$download"/*.whl "$SCHEMAS" "$tools/schemas" << 'PYTHON'
import json, os, sys, zipfile

wheel, version, target = sys.argv[1:]
kinds = [
    'configmap-v1', 'deployment-apps-v1', 'horizontalpodautoscaler-autoscaling-v2', 'ingress-networking-v1', 'job-batch-v1',
    'cronjob-batch-v1', 'namespace-v1', 'networkpolicy-networking-v1',
    'persistentvolumeclaim-v1', 'poddisruptionbudget-policy-v1', 'secret-v1',
    'service-v1', 'serviceaccount-v1',
]
folder = f'kubernetes_validate/kubernetes-json-schema/v{version}-local-strict/'
with zipfile.ZipFile(wheel) as archive:
    definitions = json.loads(archive.read(folder + '_definitions.json'))
    made = f'{target}/v{version}-strict.{os.getpid()}'
    os.makedirs(made)
    for kind in kinds:
        text = archive.read(folder + kind + '.json').decode().replace('/api/_definitions.json#', '#')
        schema = {**json.loads(text), '$defs': definitions['$defs'], '$schema': definitions['$schema']}
        with open(f'{made}/{kind}.json', 'w') as file:
            json.dump(schema, file)
    os.rename(made, f'{target}/v{version}-strict')
PYTHON
fi
