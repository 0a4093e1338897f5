"""Where the networks that look at pictures used to be imported from."""

from styledit.perception.clip import Clip, load_clip  # noqa: F401
from styledit.perception.lpips import load_lpips  # noqa: F401
from styledit.perception.preprocessing import Preprocessing  # noqa: F401
from styledit.perception.vit import Vit, load_vit, make_vit  # noqa: F401
