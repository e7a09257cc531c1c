"""An index bundle, open: store, both arms and calibration, verified to belong together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from catalog.artefact import SCHEMA, Manifest, read_manifest
from catalog.errors import BundleError, EncoderMismatch
from export.bundle import Encoder, EncoderBundle, Provider
from export.dims import cut_fingerprint
from index.calibration import Calibration, default_calibration
from index.dense import DenseArm
from index.filtering.columns import Columns
from index.late import SubwordRows
from index.lexical import LexicalArm
from index.shards import LEXICAL_DIR, Arms, shard_directories
from index.spelling.dictionary import Dictionary
from index.store import ProductStore
from index.subset import Subset
from index.suggest.table import SuggestTable
from index.versions import KIND, resolve
from index.words.terms import QueryTerms
from index.words.wishes import Wishes

ENCODER_DIR = "encoder"
SPELLING_DIR = "spelling"
SUGGEST_DIR = "suggest"

__all__ = [
    "ENCODER_DIR",
    "LEXICAL_DIR",
    "SPELLING_DIR",
    "SUGGEST_DIR",
    "IndexBundle",
    "check_whole",
]


@dataclass(frozen=True)
class IndexBundle:
    """One version of an index. `candidates` is c, the depth of each arm, fixed at the build.

    `alive` are the rows that stand, None for all of them: live updates take rows away and add
    others, and a row never changes its number. `suggestions` are None while
    an index is built, `spelling` is None for none, `subwords` without late interaction, `wishes` in
    an index from before they were counted.
    """

    directory: Path
    manifest: Manifest
    store: ProductStore
    lexical: LexicalArm
    dense: DenseArm
    columns: Columns
    calibration: Calibration
    candidates: int
    alive: Subset | None = None
    spelling: Dictionary | None = None
    suggestions: SuggestTable | None = None
    subwords: SubwordRows | None = None
    wishes: Wishes | None = None

    def standing(self, among: Subset | None = None) -> Subset | None:
        """Rows of `among` (None for all) that were not deleted; None when that is every row."""
        return among if self.alive is None else self.alive.both(among)

    def wishes_in(self, terms: QueryTerms, text: str) -> int:
        """How much a query asks for (`index.words.wishes`); 0 where the index does not know."""
        return 0 if self.wishes is None else self.wishes.count(terms, text)

    @property
    def products(self) -> int:
        """Number of products that a search can find."""
        return len(self.store) if self.alive is None else len(self.alive)

    @property
    def version(self) -> str:
        """Name of the version directory."""
        return self.directory.name

    @property
    def encoder_fingerprint(self) -> str:
        """Fingerprint of the encoder that made the vectors."""
        return str(self.manifest.parents.get("encoder", ""))

    @classmethod
    def open(cls, path: Path, *, verify: bool = True) -> IndexBundle:
        """Open the version at `path`, or the live one of a root; with `verify`, hash every file.

        Raises MissingFile, HashMismatch, SchemaTooNew, or BundleError when a part is damaged.
        """
        directory = resolve(path)
        manifest = read_manifest(directory, KIND, verify=verify)
        shards = int(manifest.config.get("shards", 1))
        arms = Arms.join([Arms.load(part) for part in shard_directories(directory, shards)])
        if len({*arms.sizes}) > 1:
            raise BundleError(
                "the parts of the index disagree on the number of products",
                where=directory,
                found="store {}, lexical {}, vectors {}, columns {}, subwords {}".format(
                    *arms.sizes
                ),
                hint="Build the index again.",
            )
        return cls(
            directory,
            manifest,
            arms.store,
            arms.lexical,
            arms.dense,
            arms.columns,
            Calibration.load(directory),
            int(manifest.config.get("candidates", 200)),
            spelling=Dictionary.load(directory / SPELLING_DIR),
            suggestions=SuggestTable.load(directory / SUGGEST_DIR),
            subwords=arms.subwords,
            wishes=Wishes.load(directory),
        )

    @classmethod
    def unpublished(cls, directory: Path, arms: Arms, candidates: int, encoder: str) -> IndexBundle:
        """A bundle still being built: no manifest on disk yet, the shipped calibration."""
        spelling = Dictionary.load(directory / SPELLING_DIR)
        manifest = Manifest(KIND, SCHEMA, "", {}, parents={"encoder": encoder})
        shipped = default_calibration()
        parts = arms.store, arms.lexical, arms.dense, arms.columns
        return cls(
            directory,
            manifest,
            *parts,
            shipped,
            candidates,
            spelling=spelling,
            subwords=arms.subwords,
            wishes=Wishes.load(directory),
        )

    def open_encoder(
        self, *, verify: bool = True, threads: int = 1, provider: Provider = "cpu"
    ) -> EncoderBundle:
        """The encoder that travels inside the index, its vectors as long as the index has them."""
        encoder = EncoderBundle.load(
            self.directory / ENCODER_DIR,
            precision=self.manifest.config.get("precision", "int8"),
            provider=provider,
            verify=verify,
            threads=threads,
        )
        return encoder.cut(self.dense.dim)

    def fitting(self, encoder: Encoder) -> Encoder:
        """The encoder itself, or cut to the length of the vectors here when that made them."""
        dims = self.dense.dim
        cut = cut_fingerprint(encoder.fingerprint, dims) == self.encoder_fingerprint
        return encoder.cut(dims) if cut else encoder

    def check_encoder(self, encoder: Encoder) -> None:
        """Raises EncoderMismatch unless `encoder` is the one that made the vectors."""
        if encoder.fingerprint != self.encoder_fingerprint:
            raise EncoderMismatch(
                "this index was built by another encoder",
                where=self.directory,
                expected=f"encoder {self.encoder_fingerprint[:12]}",
                found=encoder.fingerprint[:12],
                hint="Build the index again with this encoder, or open it with its own.",
            )
        if self.dense.products and encoder.late != (self.subwords is not None):
            raise EncoderMismatch(
                "encoder and index disagree on late interaction",
                where=self.directory,
                expected="subwords of products" if encoder.late else "no subwords of products",
                found="none" if encoder.late else "some",
                hint="Build the index again.",
            )
        if self.dense.products and encoder.dim != self.dense.dim:
            raise EncoderMismatch(
                "query vectors and product vectors differ in length",
                where=self.directory,
                expected=str(self.dense.dim),
                found=str(encoder.dim),
            )


def check_whole(path: Path) -> IndexBundle:
    """Hash every file, open all parts and the encoder inside. Raises as `IndexBundle.open` does."""
    bundle = IndexBundle.open(path, verify=True)
    if (bundle.directory / ENCODER_DIR).is_dir():
        bundle.check_encoder(bundle.open_encoder(verify=True))
    return bundle
