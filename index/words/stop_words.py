"""Function words of the languages we know, as short as they can be.

Only words that say nothing about a product: a longer list would drop words that shops sell by
(`new`, `all`, `neu`). Languages not listed here have none; rare words outweigh theirs anyway.
"""

# ruff: noqa: RUF001

from __future__ import annotations

_LISTS = {
    "en": """a an and are as at be but by for from has have if in into is it its my no not of on or
        our such that the their then there these they this to was we were will with you your""",
    "de": """aber als am an auf aus bei bis das dass dem den der des die du ein eine einem einen
        einer eines er es für hat ich ihr im in ist mit nach nicht oder sich sie sind so und uns
        von vom vor war wenn wie wir wird zu zum zur""",
    "fr": """à au aux avec ce ces cette dans de des du elle en est et il ils je la le les leur ma
        mais me mes mon ne nos notre nous on ou par pas pour qu que qui sa se ses son sont sur un
        une vos votre vous""",
    "es": """a al con de del el en es esta este la las lo los mi mis no o para pero por que se ser
        sin son su sus tu un una unas unos y""",
    "it": """a ad ai al alla alle allo anche che con da dal dalla dei del della delle di e è ed gli
        i il in la le lo ma mi nel nella non o per più se si sono su sul tra un una uno""",
    "nl": """aan als bij dat de den der deze die dit door een en er het hij ik in is je maar met
        mijn naar niet of om ons ook op te tot uit uw van voor was we wij zijn zo""",
    "pt": """a ao aos as com como da das de do dos e é em esta este eu mais mas na nas no nos não o
        os ou para pela pelo por que se sem seu sua são um uma""",
    "sv": """att av de den det du ej en ett för från har i inte med men mitt och om på sig sin som
        till under var vi är""",
    "da": """af at de den der det du en er et for fra har i ikke jeg med men min og om på sig sin
        som til var vi""",
    "no": """av at de den der det du en er et ei for fra har i ikke jeg med men min og om på seg
        sin som til var vi""",
    "fi": """ei että ja joka jos kun mutta myös ne niin on ovat se sekä tai tämä""",
    "pl": """a ale by co czy dla do i jak jest lub na nie o od oraz po się są ten to w z za ze""",
    "ru": """а без бы в во вы где для до же за и из или к как ко мы на не но о об от по при с со то
        у что это я""",
    "tr": """bir bu da de gibi her için ile ise ki mi mı mu mü o şu ve veya ya""",
}


def stop_words(language: str) -> frozenset[str]:
    """The normalised function words of a language by its code; empty where we know none."""
    return frozenset(_LISTS.get(language, "").split())
