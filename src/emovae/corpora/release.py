"""Where the publisher keeps a corpus, pinned as far as a publisher lets it be.

Nothing here is a checksum that nobody stated: a commit and its tree are git's, a deposit's checksums are asked of the
repository that keeps it, and an archive at a bare address has none.
"""

from typing import NamedTuple


class Commit(NamedTuple):
    """A repository on GitHub, whose address is the reader's source, at one commit.

    Attributes:
        id: of the commit.
        tree: the id of all its files, which can be computed from them.
    """

    id: str
    tree: str


class Deposit(NamedTuple):
    """Files in a research repository that states their checksums.

    Attributes:
        server: such as `https://zenodo.org`.
        keeper: whose programming interface it speaks.
        doi: of the deposit, such as `10.5281/zenodo.1188976`.
        files: those to be had; none is all of them.
    """

    server: str
    keeper: str
    doi: str
    files: tuple[str, ...] = ()


class Archive(NamedTuple):
    """One archive at an address, of which the publisher states no checksum."""

    address: str


class ByHand(NamedTuple):
    """A corpus that emovae cannot download: how a person gets it, as a sentence without its full stop."""

    how: str


Release = Commit | Deposit | Archive | ByHand
