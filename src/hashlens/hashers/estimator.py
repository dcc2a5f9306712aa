"""The part of scikit-learn's estimator contract that has nothing to do with hashing."""

from __future__ import annotations

import inspect
from typing import Any, Self

from hashlens.errors import ParameterError


class Estimator:
    """An object whose constructor only stores its keyword arguments, its parameters."""

    @classmethod
    def _parameter_names(cls) -> list[str]:
        return [name for name in inspect.signature(cls.__init__).parameters if name != "self"]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's parameters by name; ``deep`` makes no difference."""
        return {name: getattr(self, name) for name in self._parameter_names()}

    def set_params(self, **params: Any) -> Self:
        """Set constructor parameters by name; values are checked at ``fit``.

        Raises
        ------
        ParameterError
            If there is no parameter of a given name.
        """
        known = self._parameter_names()
        for name in params:
            if name not in known:
                raise ParameterError(
                    f"{type(self).__name__} has no parameter {name!r}. It has: {', '.join(known)}."
                )
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        params = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({params})"
