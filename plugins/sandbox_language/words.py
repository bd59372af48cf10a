"""The words of the corpus, by their part in a sentence.

Adjectives and verbs are words that people have rated, taken from VADER's lexicon; the rest has no rating.
"""

from __future__ import annotations


def _split(words: str) -> tuple[str, ...]:
    return tuple(words.split())


DETERMINERS = ("the", "my", "our", "this")

NOUNS = _split(
    """
    hotel room film book dinner staff street garden museum train station market bakery song concert
    teacher lesson city house kitchen window coffee soup bread waiter driver journey ticket actor story
    ending camera phone screen battery bag jacket bicycle bridge beach lake village weather morning evening
    library office neighbour
    """
)

WHO = ("we", "everyone", "people", "guests", "visitors")

LINKS = ("was", "seemed", "looked", "felt")

DEGREES = ("very", "really", "extremely", "incredibly", "slightly", "somewhat")

ADJECTIVES = _split(
    """
    good great nice happy beautiful wonderful perfect lovely amazing excellent awesome fantastic brilliant
    charming cheerful clean clever comfortable cool creative cute delightful elegant enjoyable entertaining
    excited exciting fabulous fair fine free fresh friendly fun funny generous gentle glad glorious gorgeous
    graceful grateful handsome harmless helpful honest hopeful hilarious important impressive
    innocent inspiring intelligent interesting joyful kind lively lucky magnificent marvelous merry neat
    outstanding peaceful playful pleasant popular positive precious pretty proud relaxed remarkable rich
    romantic safe satisfied secure sincere smart special splendid strong stunning successful superb superior
    supportive sweet talented terrific thoughtful thrilled true trusted useful valuable warm wealthy
    welcome wise worthy
    bad awful terrible horrible sad ugly boring angry annoying anxious ashamed bitter bizarre broken brutal
    careless chaotic confused confusing crazy cruel dangerous dead defective depressing desperate dirty
    disappointed disappointing disastrous disgusting dishonest doubtful dreadful dull dumb embarrassing empty
    evil fake failed fearful foolish frightening frustrated frustrating gloomy greedy grim gross guilty
    harsh hateful hopeless hostile humiliating hurtful idiotic ignorant ill impatient inadequate
    inferior insane insulting irrational jealous lame lazy lonely lost mad messy miserable nasty
    negative nervous obnoxious offensive painful pathetic poor problematic ridiculous rotten rude scary
    selfish shameful shocking sick silly sore sorry strange stupid suspicious tense threatening
    tragic troubled uncomfortable unhappy unpleasant unwelcome upset useless vicious violent vile weak
    weird wicked worried worthless
    """
)

VERBS = _split(
    """
    loved liked enjoyed admired adored appreciated praised recommended respected celebrated cherished
    thanked supported applauded
    hated disliked despised feared rejected avoided criticized regretted doubted ignored ruined blamed
    mocked dreaded resented
    """
)

LITTLE = ("not", "and", "it", ".")

NEGATIONS = frozenset({"not"})

WORDS = (*LITTLE, *DETERMINERS, *WHO, *LINKS, *DEGREES, *NOUNS, *ADJECTIVES, *VERBS)
