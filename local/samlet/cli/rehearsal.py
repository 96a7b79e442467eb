"""Stands in for moto where a template is only looked at: says what would be left out, and makes nothing."""

from samlet.model import MadeResource, WantedResource
from samlet.services.moto_resources import adapted


class Rehearsal:
    """A maker that refuses and leaves out what Samlet does; what moto itself refuses is known at start alone."""

    def make(self, wanted: WantedResource) -> MadeResource:
        """Return what is left out of it; raises ResourceRefused."""
        _, notes = adapted(wanted)
        # A queue is known by its name wherever a mapping names it; the others keep their stand-ins.
        ref = wanted.name if wanted.type == "AWS::SQS::Queue" else ""
        return MadeResource(ref, notes=notes, pushes=wanted.pushes)

    def keep_only(self, logical_ids: frozenset[str]) -> None:
        """Do nothing: nothing was made."""
