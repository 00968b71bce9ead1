"""Letters and digits that are drawn as Latin letters, or so much like them that people take them for those (Unicode
TR 39).

Letters that are alike in one case only stand here in that case alone: of the Cyrillic Ve the capital is drawn as B, the
small one is not drawn as b. Of other scripts' digits only zeros are here. Groups that look like one letter (rn and m)
are not: too many names have them.
"""

# For `str.translate`, before folding: code points with the Latin letter that each is drawn as.
DRAWN_AS = {
    ord(char): latin
    for latin, alike in {
        "A": "\u0391\u0410\u13aa\u15c5\ua4ee\U000102a0\U00016f40",
        "B": "\u0392\u0412\u13f4\u15f7\ua4d0\ua7b4\U00010282\U000102a1\U00010301",
        "C": "\u0421\u13df\u2ca4\ua4da\U000102a2\U00010302\U00010415\U0001051c\U000118f2",
        "D": "\u13a0\u15de\u15ea\ua4d3",
        "E": "\u0395\u0415\u13ac\u2d39\ua4f0\U00010286\U000118a6\U000118ae",
        "F": "\u15b4\ua4dd\ua798\U00010287\U000102a5\U00010525\U000118a2\U000118c2",
        "G": "\u13c0\u13f3\ua4d6",
        "H": "\u0397\u041d\u13bb\u157c\u2c8e\ua4e7\U000102cf",
        "J": "\u0408\u13ab\u148d\ua4d9\ua7b2",
        "K": "\u039a\u041a\u13e6\u16d5\u2c94\ua4d7\U00010518",
        "L": "\u13de\u14aa\u2cd0\ua4e1\U0001041b\U00010526\U000118a3\U000118b2\U00016f16",
        "M": "\u039c\u041c\u13b7\u15f0\u16d6\u2c98\ua4df\U000102b0\U00010311",
        "N": "\u039d\u2c9a\ua4e0\U00010513",
        "O": (
            "0\u039f\u041e\u0555\u09e6\u0b20\u0b66\u12d0\u2c9e\u2d54\u3007\ua4f3\U00010292\U000102ab"
            "\U00010404\U000104c2\U00010516\U000114d0\U000118b5\U000118e0"
        ),
        "P": "\u03a1\u0420\u13e2\u146d\u2ca2\ua4d1\U00010295",
        "Q": "\u051a\u2d55",
        "R": "\u01a6\u13a1\u13d2\u1587\ua4e3\U000104b4\U00016f35",
        "S": "\u0405\u054f\u13d5\u13da\ua4e2\U00010296\U00010420\U00016f3a",
        "T": "\u03a4\u0422\u13a2\u2ca6\ua4d4\U00010297\U000102b1\U00010315\U000118bc\U00016f0a",
        "U": "\u054d\u1200\u144c\ua4f4\U000104ce\U000118b8\U00016f42",
        "V": "\u13d9\u142f\u2d38\ua4e6\ua6df\U0001051d\U000118a0\U00016f08",
        "W": "\u051c\u13b3\u13d4\ua4ea\U000118ef",
        "X": ("\u03a7\u0425\u16b7\u2cac\u2d5d\ua4eb\ua7b3\U00010290\U000102b4\U00010317\U00010322\U00010527\U000118ec"),
        "Y": "\u03a5\u0423\u04ae\u13a9\u13bd\u2ca8\ua4ec\U000102b2\U000118a4\U00016f43",
        "Z": "\u0396\u13c3\ua4dc\U000102f5\U000118a9",
        "a": "\u03b1\u0430\u0251",
        "b": "\u0184\u13cf\u1472\u15af",
        "c": "\u0441\u03f2\u1d04\u2ca5\uabaf\U0001043d",
        "d": "\u0501\u13e7\u146f\ua4d2",
        "e": "\u0435\uab32",
        "f": "\u0584\u1e9d\ua799\uab35",
        "g": "\u018d\u0261\u0581\u1d83",
        "h": "\u04bb\u0570\u13c2",
        "i": "\u03b9\u0456\u0131\u0269\u026a\u13a5\uab75\U000118c3",
        "j": "\u03f3\u0458",
        "k": "\u03ba\u043a",
        "l": (
            "1I|\u0399\u0406\u04c0\u04cf\u0196\u01c0\u16c1\u2c92\u2d4f\ua4f2\U0001028a\U00010309\U00010320\U00016f28"
        ),
        "n": "\u0578\u057c",
        "o": (
            "\u03bf\u043e\u0585\u0966\u0a66\u0ae6\u0be6\u0c66\u0ce6\u0d20\u0d66\u0e50\u0ed0\u101d"
            "\u1040\u10ff\u1d0f\u1d11\u2c9f\uab3d\U0001042c\U000104ea\U000118c8\U000118d7"
        ),
        "p": "\u03c1\u0440\u2ca3",
        "q": "\u051b\u0563\u0566",
        "r": "\u2c85\uab47\uab48\uab81",
        "s": "\u0455\u01bd\ua731\uabaa\U00010448\U000118c1",
        "u": "\u028b\u057d\u1d1c\ua79f\uab4e\uab52\U000104f6\U000118d8",
        "v": "\u03bd\u0475\u1d20\uaba9\U00011706\U000118c0",
        "w": "\u051d\u026f\u0561\u1d21\uab83\U0001170a\U0001170e\U0001170f",
        "x": "\u03c7\u0445\u1541\u157d",
        "y": "\u03b3\u0443\u04af\u0263\u028f\u10e7\u1d8c\u1eff\uab5a\U000118dc",
        "z": "\u1d22\uab93\U000118c4",
        "\u00cb": "\u0401",
        "\u00cf": "\u03aa\u0407",
        "\u00eb": "\u0451",
        "\u00ef": "\u03ca\u0457",
    }.items()
    for char in alike
}
