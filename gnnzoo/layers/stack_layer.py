"""Base class of the layers of a stack, and the type aliases that layers share."""

import inspect
from typing import TypeAlias, TypedDict

import keras

# Keras and TensorFlow have no type stubs, so that these are names for the reader rather than for the type checker.
Tensor: TypeAlias = keras.KerasTensor
GraphTensors: TypeAlias = dict[str, Tensor]  # arrays of a batch by key: `gnnzoo.fields` and `layers.registry`
# Their shapes, as `build` gets them. Leading sizes are those of the batch, None where any is possible; none reads them.
GraphShapes: TypeAlias = dict[str, tuple[int, ...]]


class LayerOptions(TypedDict, total=False):
    """Arguments of every Keras layer."""

    name: str
    dtype: keras.DTypePolicy | str
    trainable: bool


class ConfiguredLayer(keras.layers.Layer):
    """A layer whose config consists of its constructor arguments, kept as attributes of the same names.

    Attributes:
        arguments: names of the constructor arguments, those of base classes first; collected for each subclass.
    """

    arguments: tuple[str, ...] = ()

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            parameters = list(inspect.signature(vars(cls)["__init__"]).parameters.values())[1:]
            own = (parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD)
            cls.arguments = tuple(dict.fromkeys((*cls.arguments, *own)))

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), **{name: getattr(self, name) for name in self.arguments}}


class StackLayer(ConfiguredLayer):
    """A layer of the stack, a map from graph to graph.

    `call(graph)` gets the tensors of the batch by key and returns those that it adds or replaces; all others are passed
    on unchanged. `build(graph)` gets their shapes. A constructor argument that the recipe's entry does not have is set
    from the rest of the recipe and from the training data, if it has one of the names in `models.build`.

    Transfers adapt weights to another radial basis, number of neighbours or force scale; the methods below name them.
    """

    @property
    def returns_pairs(self) -> bool:
        """Whether `call` takes `pairs=True` and then returns `registry.EDGE_GRADIENTS` as well."""
        return False

    def radial_weights(self) -> list[tuple[keras.Variable, int]]:
        """Weights that act on the radial basis, available once the layer is built.

        Layers that read encoded edge features have none.

        Returns:
            (weight, rows of each radial function) pairs; the last rows of a weight belong to the radial functions in
            their order.
        """
        return []

    def summed_weights(self) -> list[keras.Variable]:
        """Weights that sums over neighbours are proportional to, as they are to `neighbor_scale`.

        Returns:
            The weights, available once the layer is built.
        """
        return []

    def fact_weights(self) -> list[keras.Variable]:
        """Weights that hold facts about a substance, such as its species; a transfer keeps those of the target.

        Returns:
            The weights, available once the layer is built.
        """
        return []

    def species_weights(self) -> list[keras.Variable]:
        """Weights of an atom encoder that have one row per input feature of a species.

        Returns:
            The weights, available once the layer is built; none for other layers.
        """
        return []

    def output_weights(self) -> list[keras.Variable]:
        """Weights that the output of a head is proportional to.

        Returns:
            The weights, available once the layer is built; none for other layers.
        """
        return []
