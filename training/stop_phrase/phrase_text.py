# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is said in the training of the stop phrases: phrases, look-alikes and running speech."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from training.nano.word_corpus import random_sentence

# phrase: languages and what the synthesizer is given. What sounds alike is one phrase.
PHRASES: dict[str, tuple[tuple[str, str], ...]] = {
    'stop': (
        ('en', 'Stop!'), ('en', 'Stop.'), ('en', 'Stop!'), ('de', 'Stopp!'), ('en', 'Stop, stop!'),
        ('fr', 'Stop !'),
    ),
    'be quiet': (('en', 'Be quiet!'), ('en', 'Be quiet.')),
    'sei still': (('de', 'Sei still!'), ('de', 'Sei still.')),
    'para': (('es', '¡Para!'), ('es', 'Para.'), ('es', '¡Para, para!')),
    'silencio': (('es', '¡Silencio!'), ('es', 'Silencio.')),
    'arrête': (('fr', 'Arrête !'), ('fr', 'Arrête.'), ('fr', 'Arrête, arrête !')),
    'tais-toi': (('fr', 'Tais-toi !'), ('fr', 'Tais-toi.')),
}  # fmt: skip
# Words that sound like a phrase, or hold one inside a sentence that is no command.
LOOK_ALIKES: dict[str, tuple[str, ...]] = {
    'en': (
        'Top.', 'Shop.', 'Step.', 'Stock.', 'Start.', 'Stomach.', 'Story.', 'Store.', 'Spot.',
        'Stuff.', 'Stand up.', 'Hot.', 'Shot.', 'It stopped raining.', 'The bus stop is near.',
        'I never stop thinking about it.', 'Be quick.', 'Be careful.', 'Quite a bit.', 'We quit.',
        'Beer.', 'It is a quiet place.', 'Paris.', 'Party.', 'Silent night.', 'Arrest.', 'Apple.',
        'Please go on.', 'Yes.', 'No.', 'Okay.', 'Right.', 'Thank you.', 'What is that?',
    ),
    'de': (
        'Topf.', 'Stoff.', 'Stock.', 'Knopf.', 'Sei so lieb.', 'Seit wann?', 'Stille Nacht.',
        'Spiel.', 'Das ist doch schön.', 'Ja, genau.', 'Ich komme gleich.', 'Die Haltestelle.',
    ),
    'es': (
        'Pera.', 'Cara.', 'Parada.', 'Para ti.', 'Para mañana.', 'Paraguas.', 'Es para mi madre.',
        'Servicio.', 'Silla.', 'Silbido.', 'Principio.', 'Sí, claro.', 'No lo sé.', 'Buenos días.',
    ),
    'fr': (
        'Arrivée.', 'Après.', 'La règle.', 'Une arête de poisson.', 'La fête.', 'Était-ce toi ?',
        'Le toit.', 'Très bien.', 'Et toi ?', 'Oui, merci.', 'Je ne sais pas.', 'Le roi.',
    ),
}  # fmt: skip
# Short utterances of everyday talk: as short as a command, with silence on both sides.
SHORT_TALK: dict[str, tuple[str, ...]] = {
    'en': (
        'Come here.', 'Sit down.', 'Good idea.', 'Be right back.', 'Be kind.', 'Be good, Wyatt.',
        'We quite like it.', 'The choir.', 'A diet.', 'Keep riding.', 'Who is it?', 'Not now.',
        'Of course.', 'Maybe later.', 'Look at that.', 'So what?', 'Up here.', 'What a pity!',
        'Sort of.', 'Spotless.', 'Stop it is not.', 'Stopover.', 'Stopwatch.', 'Nonstop flights.',
        'Drop it.', 'Pop music.', 'Chop chop.', 'Steep.', 'Stout.', 'Start up.', 'On top of it.',
        'Store opens.', 'Scott?', 'Stark.', 'Step up.', 'Swap.', 'Slop.', 'Strap.', 'Steve!',
        'Tom!', 'Bob, come on.', 'Parallel.', 'Pardon?', 'Paradise.', 'A red one.', 'A rabbit.',
        'Errand.', 'At eight.', 'Tattoo.', 'Take two.', 'Said so.', 'Say still.', 'Sit still.',
        'Sister.', 'Silly you.', 'Silicon.', 'See Leo.', 'Hello!', 'Good morning.', 'Bye-bye.',
        'Really?', 'Never mind.', 'Well done.', 'Just a bit.', 'Is it?', 'Mm-hm.', 'Oh, nice.',
    ),
    'de': (
        'Sei brav.', 'Sei schnell.', 'Sei stolz.', 'Sehr viel.', 'Zwei Stück.', 'Bei Stilfragen.',
        'Steil.', 'Stumpf.', 'Stapel.', 'Stuhl.', 'Doch.', 'Na gut.', 'Komm her.', 'Was denn?',
        'Stoppuhr.', 'Er stoppt nie.', 'Tropfen.', 'Kopf hoch.', 'Schopf.', 'Parade.',
        'Paar Tage.', 'Tätowiert.', 'Drei Stühle.', 'Seid ihr da?', 'Silber.',
        'Still und leise.', 'Guten Tag.',
    ),
    'es': (
        'Pata.', 'Para siempre.', 'Mara.', 'Sara.', 'Bara.', 'Parra.', 'Pala.', 'Rara.', 'Paro.',
        'Pare aquí.', 'Parece.', 'Silencioso.', 'Siete.', 'Sicilia.', 'Licencia.', 'Anuncio.',
        'Claro.', 'Vale.', 'Ahora no.', 'Ven aquí.', 'Qué tal?', 'Está bien.', 'Hasta luego.',
    ),
    'fr': (
        'Arrêté hier.', 'Adèle !', 'La tête.', 'Il arrête tout.', 'À cette heure.', 'À droite.',
        'Arrive !', 'La vette.', 'Tais donc.', "C'est toi.", "C'est quoi ?", 'Fais-moi voir.',
        'Mets-toi là.', 'Tes doigts.', "T'es où ?", 'Était-il là ?', "D'accord.", 'Bonjour.',
        'Viens ici.', 'Pas encore.', 'Ça va ?', 'Silence radio.', 'Parade.', 'Par là.',
    ),
}  # fmt: skip
# The same for the choice of thresholds: texts that training does not hold.
SHORT_TALK_DEVELOPMENT: dict[str, tuple[str, ...]] = {
    'en': (
        'Over there.', 'Go ahead.', 'Why not?', 'Give it up.', 'That is hot.', 'Stop sign ahead.',
        'Shop for two.', 'Stock market.', 'Robot.', 'Stomp on it.', 'Sob story.', 'Be brief.',
        'Be quite sure.', 'Sit up straight.', 'Perhaps.', 'Carrot.', 'Tie it up.', 'See you.',
        'Stopped clock.', 'A tall cup.', 'Good luck.', 'I know.', 'Fair enough.', 'Any time.',
    ),
    'de': ('Sei nett.', 'Steig ein.', 'Knapp.', 'Ja klar.', 'Sehr schön.', 'Stolpern.', 'Später.'),
    'es': ('Cada.', 'Para mí.', 'Parte.', 'Servilleta.', 'De nada.', 'Muy bien.', 'Vara.'),
    'fr': (
        'Assiette.', 'Arrosoir.', 'Tais-le.', 'Est-ce toi ?', 'Merci bien.', "À tout à l'heure.",
    ),
}  # fmt: skip
# Parts of sentences that are put together at random: running speech in four languages.
_CLAUSES: dict[str, tuple[tuple[str, ...], ...]] = {
    'de': (
        ('der Nachbar', 'meine Schwester', 'das Kind', 'niemand', 'die Lehrerin', 'unser Hund',
         'ein alter Freund', 'die Post', 'der Arzt', 'jeder'),
        ('bringt', 'sucht', 'stellt', 'verkauft', 'findet', 'kocht', 'putzt', 'braucht', 'sieht',
         'holt'),
        ('den Koffer', 'eine Suppe', 'das Fahrrad', 'die Stühle', 'ein Paket', 'den Schlüssel',
         'zwei Äpfel', 'das Fenster', 'die Zeitung', 'einen Stift'),
        ('am Morgen', 'in der Stadt', 'hinter dem Haus', 'wie immer', 'seit gestern', 'im Sommer',
         'still und leise', 'auf dem Tisch', 'nach der Arbeit', 'zum Spaß'),
    ),
    'es': (
        ('el vecino', 'mi hermana', 'la niña', 'nadie', 'la profesora', 'nuestro perro',
         'un amigo', 'el cartero', 'la doctora', 'todo el mundo'),
        ('compra', 'busca', 'prepara', 'vende', 'encuentra', 'limpia', 'necesita', 'mira', 'trae',
         'pinta'),
        ('una maleta', 'la sopa', 'la bicicleta', 'las sillas', 'un paquete', 'la llave',
         'dos manzanas', 'la ventana', 'el periódico', 'un lápiz'),
        ('por la mañana', 'para la fiesta', 'en la ciudad', 'detrás de la casa', 'como siempre',
         'desde ayer', 'en verano', 'sobre la mesa', 'para todos', 'sin parar de reír'),
    ),
    'fr': (
        ('le voisin', 'ma sœur', 'la petite', 'personne', 'la maîtresse', 'notre chien',
         'un ami', 'le facteur', 'la voisine', 'tout le monde'),
        ('achète', 'cherche', 'prépare', 'répare', 'trouve', 'nettoie', 'regarde', 'apporte',
         'peint', 'arrose'),
        ('une valise', 'la soupe', 'le vélo', 'les chaises', 'un paquet', 'la clé',
         'deux pommes', 'la fenêtre', 'le journal', 'un crayon'),
        ('le matin', 'pour la fête', 'en ville', 'derrière la maison', 'comme toujours',
         'depuis hier', 'en été', 'sur la table', 'chez toi', 'sous le toit'),
    ),
}  # fmt: skip
_ONSETS = ('st', 't', 'sk', 'sp', 's', 'f', 'd', 'st', 'l', 'h', 'p', 'k', 'w', 'b', '')
_VOWELS = ('0', '0', 'I', 'E', 'a', 'V', 'U', 'i:', 'A:', 'eI', 'aI', 'oU', 'O:')
_CODAS = ('p', 'k', 't', 'f', 'm', 'n', 'l', 'ps', 'pt', 's', '', 'b', 'g')
_ENDINGS = ('', '', '', 'IN', 'I', '@', '@d')


def near_miss(random: np.random.Generator) -> str:
    """Return a nonsense word that shares sounds with "stop", as phonemes for espeak."""
    while True:
        onset, vowel, coda, ending = (
            str(random.choice(part)) for part in (_ONSETS, _VOWELS, _CODAS, _ENDINGS)
        )
        # "stop" itself in both accents, and what a listener takes for it.
        is_stop = onset == 'st' and vowel in ('0', 'A:', 'O:', 'V') and coda in ('p', 'b', 'ps')
        if not (is_stop and not ending):
            return f"[[{onset}'{vowel}{coda}{ending}]]"


def running(random: np.random.Generator, language: str) -> str:
    """Return a random sentence of a language."""
    if language == 'en':
        return random_sentence(random)
    words = ' '.join(str(random.choice(part)) for part in _CLAUSES[language])
    return words[0].upper() + words[1:] + '.'


def talk(random: np.random.Generator, language: str) -> str:
    """Return one to three random sentences, as somebody goes on talking."""
    return ' '.join(running(random, language) for _ in range(int(random.integers(1, 4))))


def requests() -> list[str]:
    """Return what people say to the robot in the training texts of nano."""
    wording = json.loads((Path(__file__).parent.parent / 'nano' / 'wording.json').read_text())
    lines = sorted({line for entry in wording.values() for line in entry['training']})
    return [line for line in lines if 'stop' not in line.lower() and 'quiet' not in line.lower()]
