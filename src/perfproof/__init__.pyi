from perfproof import frames as frames
from perfproof.api import Compared as Compared
from perfproof.api import History as History
from perfproof.api import Run as Run
from perfproof.api import ab as ab
from perfproof.api import compare as compare
from perfproof.api import gate as gate
from perfproof.api import list_runs as list_runs
from perfproof.api import open_history as open_history
from perfproof.api import open_run as open_run
from perfproof.api import prove as prove
from perfproof.api import read_scenario as read_scenario
from perfproof.api import run as run
from perfproof.api import run_checks as run_checks
from perfproof.errors import EvidenceError as EvidenceError
from perfproof.errors import LoadError as LoadError
from perfproof.errors import PerfproofError as PerfproofError
from perfproof.errors import ScenarioError as ScenarioError
from perfproof.errors import ServiceError as ServiceError
from perfproof.errors import StoreError as StoreError
from perfproof.errors import UsageError as UsageError

__version__: str
