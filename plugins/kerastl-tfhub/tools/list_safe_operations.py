"""Writes kerastl_tfhub/safe_operations.txt: the operations that a module may contain.

Run it with a new TensorFlow, read the difference, and commit it:
`python plugins/kerastl-tfhub/tools/list_safe_operations.py`

An operation is safe when it computes its outputs from its inputs and from state inside the process
(variables, tables, random generators), and calls nothing but functions of the same graph. So the
list holds every operation that TensorFlow calls stateless, less those whose names `REFUSED` finds,
and of the stateful ones those that `SAFE_STATE` names. What is new in TensorFlow is refused until
somebody has looked at it.
"""

import re
from pathlib import Path

LIST = Path(__file__).parents[1] / "kerastl_tfhub" / "safe_operations.txt"

# Stateless by TensorFlow's word, and yet they touch files, the host or other processes.
REFUSED = re.compile(
    r"^_"  # internal to TensorFlow's own rewrites; never in a file that TensorFlow wrote
    r"|File|Reader|Dataset|Iterator|Snapshot|Summary"  # read and write files
    r"|^(Save|Restore|LoadAnd)"  # read and write checkpoints
    r"|Vocab|ImmutableConst"  # take the name of a file as an attribute or input
    r"|(Decode|Encode)Proto"  # read a descriptor from the file that an attribute names
    r"|PyFunc|CustomCall|RemoteFusedGraph|Abort"  # run host code, end the process
    r"|Debug|^Copy|Dump"  # write what they see to a debug URL
    r"|Queue|Barrier|Accumulator$|Accumulator[A-Z]|^Stage|Session"  # live outside of one call
    r"|TPU|Tpu|Rpc|Remote|Nccl|Collective|Mesh|Infeed|Outfeed|^Xla|HostConst"
    r"|^(Batch|Unbatch)(Function|Grad)?$"  # other devices, processes and threads
)

# Stateful, but the state is the module's own: variables, tables, random numbers, control flow.
SAFE_STATE = re.compile(
    r"^(Assign(Add|Sub)?VariableOp|ReadVariableOp|VarHandleOp|VarIsInitializedOp|VariableShape"
    r"|Variable(V2)?|TemporaryVariable|DestroyResourceOp|DisableCopyOnRead|DeepCopy|Empty"
    r"|Resource(Gather(Nd)?|Scatter\w+|StridedSliceAssign|CountUpTo)|Resource(Sparse)?Apply\w+"
    r"|(Anonymous)?(Mutable(Dense)?)?HashTable(OfTensors)?(V2)?|InitializeTableV2|LookupTable\w+"
    r"|Random(Crop|Gamma|Poisson(V2)?|Shuffle|StandardNormal|Uniform(Int)?)|TruncatedNormal"
    r"|Multinomial|ParameterizedTruncatedNormal|NonDeterministicInts|Rng(ReadAndSkip|Skip)"
    r"|Stateful(Random|Standard|Truncated|Uniform)\w*|StatelessRandomGetAlg"
    r"|SampleDistortedBoundingBox(V2)?|Stack(Close|Pop|Push)?V2|TensorArray\w*|CudnnRNN\w*"
    r"|Assert|CheckNumerics(V2)?|Print|GuaranteeConst|DeviceIndex"
    r"|Case|If|While|StatefulPartitionedCall)$"
)


def safe_operations() -> list[str]:
    """Returns the names of the safe operations of the installed TensorFlow, sorted."""
    import tensorflow as tf
    from tensorflow.python.framework import op_def_registry

    names = [name for name in dir(tf.raw_ops) if not name.startswith("_")]
    definitions = [op_def_registry.get(name) for name in names]
    return sorted(
        definition.name
        for definition in definitions
        if definition is not None
        and (SAFE_STATE if definition.is_stateful else _Stateless).match(definition.name)
    )


class _Stateless:
    @staticmethod
    def match(name: str) -> bool:
        return REFUSED.search(name) is None


if __name__ == "__main__":
    LIST.write_text("\n".join(safe_operations()) + "\n")
