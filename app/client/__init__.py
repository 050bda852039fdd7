"""The typed Python client. It needs none of the server's packages.

from app.client import Client

client = Client()                      # LIMIT_AUDIT_SERVER and LIMIT_AUDIT_KEY, or this machine
dataset = client.upload("photos/")     # a file, several files, a folder, or arrays with labels
audit = client.audit(dataset, seed=1)
audit.wait()                           # with a progress bar
for suspect in audit.suspects(): ...   # the most suspicious first; .frame() makes a DataFrame
"""

from app.client.audit_handle import Audit
from app.client.client import Client
from app.client.dataset_handle import Dataset
from app.client.service.answer_types import AuditAnswer, DatasetAnswer, Json, Suspect
from app.client.service.client_errors import ClientError
from app.client.suspect_pages import Suspects

__all__ = [
    "Audit",
    "AuditAnswer",
    "Client",
    "ClientError",
    "Dataset",
    "DatasetAnswer",
    "Json",
    "Suspect",
    "Suspects",
]
