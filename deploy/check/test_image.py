"""Builds the image with buildah, without a daemon, around a static binary; then looks inside and runs it."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVICE = os.environ["ELATE_CHECK_SERVICE"]
NAME = f"elate-{SERVICE}"
BINARY = pathlib.Path(os.environ["ELATE_CHECK_BINARIES"]) / NAME


class Image(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="elate-image-")
        cls.addClassCleanup(cls.scratch.cleanup)
        # The context is small and ours: the Dockerfile and dist/, nothing of the work tree.
        cls.context = pathlib.Path(cls.scratch.name) / "context"
        (cls.context / "dist").mkdir(parents=True)
        shutil.copy(BINARY, cls.context / "dist" / NAME)
        cls.buildah(
            "bud", "--isolation", "chroot", "--target", "prebuilt", "--build-arg", f"BIN={NAME}",
            "--file", str(ROOT / "deploy/docker/Dockerfile"), "--tag", NAME, str(cls.context),
        )  # fmt: skip
        cls.container = cls.buildah("from", NAME).strip()
        cls.addClassCleanup(cls.buildah, "rm", cls.container)

    @classmethod
    def buildah(cls, *arguments: str) -> str:
        storage = pathlib.Path(cls.scratch.name)
        done = subprocess.run(
            ["buildah", "--storage-driver", "vfs", "--root", str(storage / "root"), "--runroot", str(storage / "run"), *arguments],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise AssertionError(f"buildah {arguments[0]} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def run_inside(self, *command: str) -> str:
        return self.buildah("run", "--isolation", "chroot", self.container, "--", *command)

    def test_the_binary_is_static(self):
        listing = subprocess.run(["ldd", str(BINARY)], capture_output=True, text=True, check=False)
        self.assertRegex(listing.stdout + listing.stderr, "statically linked|not a dynamic executable")

    def test_it_starts_serving_as_nobody(self):
        config = json.loads(self.buildah("inspect", "--type", "image", NAME))["OCIv1"]["config"]
        self.assertEqual(config["User"], "65532:65532")
        self.assertEqual(config["Entrypoint"], ["/elate"])
        self.assertEqual(config["Cmd"], ["serve"])

    def test_nothing_but_the_binary_is_inside(self):
        # A container of its own: running one leaves the mount points of /etc/hosts and the like behind.
        untouched = self.buildah("from", NAME).strip()
        self.addCleanup(self.buildah, "rm", untouched)
        root = pathlib.Path(self.buildah("mount", untouched).strip())
        files = [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() or path.is_symlink()]
        self.buildah("umount", untouched)
        self.assertEqual(files, ["elate"])

    def test_it_takes_the_settings_that_the_chart_renders(self):
        from chart import VALUES, named, render

        for name, values in VALUES.items():
            with self.subTest(values=name), tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                file.write(named(render(values), "ConfigMap", f"shop-{SERVICE}")["data"]["config.yaml"])
                file.flush()
                environment = {
                    "ELATE_DATABASE__URL": "postgres://elate:hidden-1@db/elate",
                    "ELATE_REDIS__URL": "redis://:hidden-2@redis:6379/0",
                    "ELATE_SERVICE_TOKEN": "hidden-3",
                }
                done = subprocess.run(
                    [BINARY, "--config", file.name, "--print-config"], env=environment, capture_output=True, text=True, check=False
                )
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("listen: 0.0.0.0:", done.stdout)
                self.assertNotIn("hidden", done.stdout)

    def test_it_refuses_settings_that_do_not_exist(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write("listne: 0.0.0.0:7400\n")
            file.flush()
            done = subprocess.run([BINARY, "--config", file.name, "--print-config"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 64, done.stdout + done.stderr)

    def test_it_runs_in_an_empty_root(self):
        self.assertIn("elate", self.run_inside("/elate", "--version"))
        self.assertIn("migrate", self.run_inside("/elate", "--help"))


if __name__ == "__main__":
    unittest.main()
