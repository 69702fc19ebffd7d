"""What pyproject.toml cannot say: where setuptools builds. Everything else stands there."""

import atexit
import shutil
import tempfile

from setuptools import setup
from setuptools.command.build import build
from setuptools.command.egg_info import egg_info


def temporary_folder() -> str:
    """A folder that is gone when the build has ended."""
    folder = tempfile.mkdtemp(prefix="salus-build-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


class BuildElsewhere(build):
    """Build outside of the checkout.

    setuptools would leave `build/lib` behind, and would put into the next wheel what lies there and no longer exists.
    """

    def initialize_options(self) -> None:
        super().initialize_options()
        self.build_base = temporary_folder()


class DescribeElsewhere(egg_info):
    """The same for `salus.egg-info`, which nothing reads once the package is installed."""

    def initialize_options(self) -> None:
        super().initialize_options()
        self.egg_base = temporary_folder()


setup(cmdclass={"build": BuildElsewhere, "egg_info": DescribeElsewhere})
