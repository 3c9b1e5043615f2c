"""`enginebench bench URL`: the load generator by itself, against a server that runs already.

`options` the settings; `endpoint` the server and its model; `prompts` what is sent; `measuring` runs until they are
enough; `finding` the search for the highest load that keeps an objective; `figures` pools of samples; `written` the
files; `shown` the terminal.
"""

from enginebench.bench.command import bench

__all__ = ["bench"]
