"""Compiles the inner loops (`*.pyx`) when the package is built or installed from its source."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# Sums and products one by one, never fused: a score has the same bits on every processor.
_FLAGS = ["-std=c++17", "-O3", "-g0", "-ffp-contract=off"]


class CompileLoops(BuildHookInterface):
    """Leaves each compiled module beside its source, from where a wheel takes it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before the files of a wheel are gathered; `version` is `standard` or `editable`."""
        from Cython.Build import cythonize
        from setuptools import Distribution, Extension

        os.chdir(self.root)
        modules = [
            Extension(
                ".".join(source.with_suffix("").parts),
                [str(source)],
                include_dirs=[str(source.parent)],
                depends=[str(header) for header in source.parent.glob("*.h")],
                extra_compile_args=_FLAGS,
            )
            for room in ("export", "index")
            for source in sorted(Path(room).glob("*.pyx"))
        ]
        made = cythonize(modules, build_dir="build", language_level=3)
        command = Distribution({"ext_modules": made}).get_command_obj("build_ext")
        command.inplace, command.build_temp = True, "build"
        command.ensure_finalized()
        command.run()
        build_data["pure_python"], build_data["infer_tag"] = False, True
        build_data["artifacts"] += [f"/{command.get_ext_filename(one.name)}" for one in made]
