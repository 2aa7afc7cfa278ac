"""Where a general secret may begin: patterns for Hyperscan, each ending at a value's first byte.

A pattern knows names, assignments and quotes, nothing of what makes a value a secret; so it ends
once for a place, and `extract` reads the place. Only the build of the compiled database imports it.
"""

# ruff: noqa: E501  (rows of tables)

# A word of a name under which secrets stand. `key` alone is in `_WEAK`.
_STRONG = (
    r"(?:pass(?:w(?:or)?d|phrase|code|wrd)?|pwd|pswd|p[a@]ss|psk|secret|token|cred(?:s|ential)?|nkey|auth"
    r"|(?:api|access|priv(?:ate)?|encr(?:yption)?|signing|sign|client|consumer|master|cipher|crypt"
    r"|hmac|account|storage|shared|validation|license|app|application|signature|user|session|jwt"
    r"|service|server|admin|webhook|certificate|cert|auth|secret|host|data|base64|aes|des|rsa|ssh"
    r"|me|write|read|db|database|encryption|decryption|rest|sdk|integration|instrumentation)"
    r"[_\-. ]?key)"
)
# Names that need a value of at least 16 characters as tokens have them.
_WEAK = (
    r"(?:key|nonce|salt|seed|sid|ticket|cookie|session|hmac|jwt|csrf|xsrf|verifier|otp|licen[sc]e"
    r"|cipher|crypt|webhook|oauth|sas|pepper|dsn)"
)
_REST = r"[\w.\-]{0,30}"
_QUOTE = r"(?:\\{0,3}[\"'`]|&quot;|&#3[49];)"
_CLOSE = rf"(?:{_QUOTE}|\]|\)|\*\*|`){{0,3}}"
# An assignment, at most with a type before it and a call, a list or a prefix letter after it.
_TYPE = r"(?::\s?[A-Za-z_.?\[\]<>]{2,24}\s{0,3})?"
_OP = r"(?:=>|:=|\?=|\+=|\.=|\|\|=|::?=|={1,3}|!=|<-|<<|[:=,(>~])"
_OPEN = r"(?:(?:new\s)?[\w.:\[\]*&<>]{0,40}[(\[{]\s{0,8}){0,2}[bBuUfFrRNL@$]{0,2}"
_ASSIGN = rf"{_CLOSE}\s{{0,20}}{_TYPE}{_OP}\s{{0,12}}{_OPEN}"
_RANDOM = r"[A-Za-z0-9+/_\-=.]"
# The first byte of an unquoted value.
_BARE = r"[^\s\"'`(){}<>\[\],;:=&|\\]"
_NUMBER = r"(?:0x[0-9a-f]{1,2}|-?[0-9]{1,3})"
_END = r"(?:\\[nrt]|\r?\n)"
# What takes a password by place: options of programs, and a line of Redis's users.
_GIVEN = (
    r"\b7z[ar]?\s(?:[^\n|;]{0,60}\s)?-p[\"']?[^\s\"'`$-]",
    r"\b(?:un)?zip\s(?:[^\n|;]{0,60}\s)?(?-i:-P)\s?[\"']?[^\s\"'`$-]",
    r"\bopenssl\s[^\n|;]{0,100}\s-k\s[\"']?[^\s\"'`$-]",
    r"\bsmbclient\s(?:[^\n|;]{0,100}\s)?(?:-U|--user)[ =]?[\"']?[^\s%\"']{1,60}%[^\s\"'`$]",
    r"\blftp\s(?:[^\n|;]{0,60}\s)?-u\s?[\"']?[^\s,\"']{1,60},[^\s\"'`$]",
    r"\bnet\suse\s[^\n]{1,100}/user:\S{1,60}\s{1,3}[\"']?[^\s\"'`$/%*]",
    r"\bhtpasswd\s{1,3}(?:-\w{1,10}\s{1,3}){1,5}(?:[^\s|;&]{1,120}\s{1,3}){1,2}[\"']?[^\s\"'`$|;&-]",
    r"\buser\s{1,3}\w{1,30}\s{1,3}(?:on|off)\s[^\n]{0,60}>[^\s\"'`$<>]",
)

# name, pattern for Hyperscan over bytes, whether its first match in a text is enough
PROBES: tuple[tuple[str, bytes, bool], ...] = tuple(
    ("general." + name, pattern.encode(), False)
    for name, pattern in (
        ("quoted", rf"(?i){_STRONG}{_REST}{_ASSIGN}(?:{_QUOTE}|[\"']{{2,3}})[^\s\"'`\\]"),
        (
            "quoted-space",
            rf"(?i)(?:{_STRONG}{_REST}|identified\s{{1,3}}by)\s{{1,3}}{_QUOTE}[^\s\"'`\\]",
        ),
        ("weak", rf"(?i){_WEAK}{_REST}{_ASSIGN}(?:{_QUOTE}|[\"']{{2,3}}){_RANDOM}{{16}}"),
        (
            "second",
            rf"(?i){_STRONG}{_REST}(?:\s{{0,2}}=\s{{0,2}})?\(\s{{0,4}}@?{_QUOTE}[^\"'`\n]{{0,60}}{_QUOTE},\s{{0,4}}@?{_QUOTE}[^\s\"'`\\]",
        ),
        (
            "bare",
            rf"(?i){_STRONG}{_REST}{_CLOSE}\s{{0,4}}(?:=>|:=|\?=|={{1,2}}|:|%3[Dd])\s{{0,4}}{_BARE}",
        ),
        (
            "bare-weak",
            rf"(?i){_WEAK}{_REST}{_CLOSE}\s{{0,4}}(?:=>|:=|={{1,2}}|:|%3[Dd])\s{{0,4}}{_RANDOM}{{16}}",
        ),
        (
            "item",
            rf"(?i){_STRONG}{_REST}{_CLOSE}\s{{0,4}}[:=]\s{{0,3}}{_END}\s{{0,24}}(?:-\s{{1,4}})?{_QUOTE}?{_RANDOM}{{8}}",
        ),
        (
            "option",
            rf"(?i)--?[\w\-.]{{0,30}}{_STRONG}[\w\-.]{{0,30}}(?:\s{{1,3}}|{_QUOTE},\s{{0,3}}){_QUOTE}?{_BARE}",
        ),
        (
            "env",
            rf"(?i)(?:env|arg|set|setx|export)\s{{1,3}}\w{{0,30}}{_STRONG}\w{{0,30}}\s{{1,3}}{_QUOTE}?{_BARE}",
        ),
        (
            "curl",
            rf"(?i)\s(?:-u|--user|--proxy-user)[ =]?{_QUOTE}?[^\s:\"'`]{{0,64}}:{_QUOTE}?{_BARE}",
        ),
        (
            "short",
            rf"(?i)(?:mysql\w{{0,8}}|sshpass|login|psql|mongo\w{{0,6}}|sqlcmd|ldap\w{{1,8}}|redis-cli)\s(?:[^\n]{{0,80}}\s)?-[pPaw]\s?{_QUOTE}?{_BARE}",
        ),
        (
            "tag",
            rf"(?i)<[\w:.\-]{{0,30}}{_STRONG}[\w:.\-]{{0,30}}(?:\s[^<>\n]{{0,80}})?>\s{{0,30}}[^<>\s]",
        ),
        (
            "named",
            rf"(?i)(?:{_STRONG}|{_WEAK})[\w.\-]{{0,30}}{_QUOTE}?[\s,;]{{1,30}}(?:[\w\-]{{1,16}}[\"']?\s?[:=]\s?[\"']?[\w\-]{{1,16}}[\"']?[\s,]{{1,20}})?{_QUOTE}?(?:default_?)?value{_QUOTE}?\s{{0,3}}[:=]\s{{0,3}}{_QUOTE}?[^\s\"'`\\]",
        ),
        (
            "header",
            rf"(?i)(?:bearer|basic|digest|authorization\W{{1,12}}(?:(?:api-?)?token|api-?key|bot|ssws|oauth|key|sso-key|splunk)?)(?:\s|%20|\\u0020|=){{1,2}}[\"'<]{{0,1}}{_RANDOM}{{6}}",
        ),
        (
            "url",
            r"(?i)[a-z][a-z0-9+.\-]{1,20}:(?://|\\/\\/|%2F%2F)[^\s/:@'\"<>`?#]{0,64}:[^\s/@'\"<>`?#]{1,128}@[\w\[$%{(<*.:-]",
        ),
        (
            "bytes",
            rf"(?i)(?:{_STRONG}|{_WEAK}){_REST}[^\n]{{0,40}}[\[{{(]\s{{0,24}}{_NUMBER},\s{{0,40}}{_NUMBER},",
        ),
        (
            "declared",
            rf"(?i){_STRONG}{_REST}[\"']?\s{{0,3}}[:=]?\s{{0,3}}[{{\n][^{{}}]{{0,200}}[\s\"',;](?:default|(?:default_?)?value)[\"']?\s{{0,8}}[:=]\s{{0,4}}[\"']?[^\s\"'{{}}\[\],|>&*!]",
        ),
        ("rows", r"(?i)insert\s+into\s[^;()]{1,100}\([^()]{1,400}\)\s{0,20}values\s{0,20}\("),
        (
            "identified",
            rf"(?i)identified\s{{1,3}}(?:with\s{{1,3}}[\w\"'`]{{1,40}}\s{{1,3}})?(?:by|as)\s{{1,3}}(?:password\s{{1,3}})?[\"'`]?{_BARE}",
        ),
        ("kube", r"(?i)kind[\"']?:\s{0,4}[\"']?secret[\"']?\s{0,3}(?:[\r\n,}]|\z)"),
        ("directive", rf"(?i)(?:requirepass|masterauth|bind_?pw|rootpw)\s{{1,8}}\"?{_BARE}"),
        ("secure", r"(?i)convertto-securestring\s[^\n|;\"']{0,60}[\"'][^\s\"'`$]"),
        (
            "plist",
            rf"(?i)<key>[\w .\-]{{0,40}}{_STRONG}[\w .\-]{{0,30}}</key>\s{{0,30}}<(?:string|data)>\s{{0,8}}[^<\s]",
        ),
        (
            "called",
            r"(?i)(?:login|basic_?auth)\s{0,2}(?:\(\s{0,4}|\s)@?[\"'`][^\"'`\n]{1,60}[\"'`],\s{0,4}@?[\"'`][^\s\"'`\\]",
        ),
        (
            "connected",
            r"(?i)(?:mysqli|mysqli_connect|mysql_p?connect|new\spdo|getconnection)\s?\(\s{0,8}(?:[^,()\n]{1,120},\s{0,8}){2}[\"'][^\s\"'\\]",
        ),
        (
            "given",
            r"(?i)(?:" + "|".join(_GIVEN) + ")",
        ),
        (
            "cookie",
            rf"(?i)cookie[\"']?\s{{0,3}}[:=,]\s{{0,3}}[\"']?(?:[^\n\"']{{0,300}}[;\s])?[\w.\-]{{0,20}}(?:sess|sid|auth|token|jwt)[\w.\-]{{0,20}}={_RANDOM}{{16}}",
        ),
        (
            "piped",
            r"(?i)\|\s{0,4}(?:(?:docker|podman|helm\s{1,3}registry)\s{1,3}login|(?:sudo\s{1,3})?chpasswd|sudo\s{1,3}(?:-\w\s{1,3})?-S|passwd\s{1,3}--stdin|convertto-securestring)",
        ),
        (
            "yaml",
            # Only blanks are meant, which the reader sees to: `[ \t]` here costs 4 % of the pass.
            rf"(?i){_STRONG}{_REST}[\"']?:\s{{1,4}}[|>&!]",
        ),
    )
)
