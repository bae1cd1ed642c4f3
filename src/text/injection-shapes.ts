/**
 * Shapes of text that speaks to a model instead of recording something about work. Each is a regular expression whose
 * repetitions are bounded, so that it takes linear time on hostile text. A shape of plain words needs two signs at
 * once: notes do speak of agents, of reviews, and of pushing to main.
 */

const EARLIER =
  "(?:all |any |every |the |your |my |these |those |of )*(?:previous|prior|earlier|above|preceding|system|safety)";
const RULES = "(?:[\\w-]+ ){0,2}(?:instruction|direction|prompt|rule|message|guideline|constraint)";

const OVERRIDES: readonly RegExp[] = [
  new RegExp(`\\b(?:ignore|disregard|forget|override|bypass)\\b.{0,20}?${EARLIER} ${RULES}`, "i"),
  /\b(?:ignore|disregard|forget)\b (?:all |any |the |your |these )*(?:instructions|prompts|guidelines|everything (?:above|before|you))/i,
  /\b(?:you are|you're) (?:now|from now on) (?:a|an|the|in|dan|no longer|my)\b|\bact as (?:if you|an? (?:admin|unrestricted|different|uncensored))/i,
  /\b(?:from now on|henceforth),? (?:you|the (?:agent|assistant|model))\b/i,
  /\b(?:new|updated|real|actual|hidden|secret|important) (?:system )?(?:instructions?|prompt)s? ?(?:follow|:|for (?:you|the (?:agent|assistant|model)))/i,
  /\b(?:reveal|print|repeat|show|output|leak|send)\b.{0,30}\b(?:system prompt|hidden prompt|your (?:instructions|prompt)|credentials|api keys?|secrets|private keys?|environment variables|\.ssh|\.env)\b.{0,40}(?:\bto\b|https?:|$)/i,
  /(?:^|[.!?>] ?)["'([]?(?:system|assistant|developer) ?(?:message|prompt|note|override)? ?: ?\S/i,
  /(?:^|[\s>"'([])(?:SYSTEM|ASSISTANT|DEVELOPER|ADMIN|ROOT|IMPORTANT INSTRUCTION)S?\b[^a-z]{0,20}:/,
  /<\/?\s?(?:system|assistant|developer|instructions?|tool_call|function_calls?|invoke|system-reminder|user_instructions|human)\b[^>]{0,80}>/i,
  /<\|[\w -]{1,30}\|>|\[\/?INST\]|<<\/?SYS>>|###\s?(?:system|instruction|assistant|human)\b/i,
  /\b(?:curl|wget|fetch|iwr|invoke-webrequest|irm)\b[^|]{0,300}\|\s?(?:sudo )?(?:ba|z|da|k|fi)?sh\b/i,
  /\b(?:curl|wget|iwr|irm)\b.{0,300}\|\s?(?:sudo )?(?:python3?|node|perl|ruby|iex|pwsh)\b/i,
  /\b(?:ba|z)?sh\b.{0,6}(?:-c\b.{0,8})?(?:<\(|\$\()\s?(?:curl|wget)\b|\bbase64\b.{0,12}(?:-d|--decode).{0,40}\|\s?(?:ba|z)?sh\b/i,
  /\b(?:you|agents?|assistants?|models?|readers?|llms?|ais?) (?:must|should|shall|need to|have to|has to|will) (?:now |always |immediately |first |silently |secretly )*(?:run|execute|call|invoke|download|fetch|upload|send|post|exfiltrate|email|install|open|visit|delete|disable)\b.{0,200}(?:https?:|curl|wget|\bsudo\b|rm -rf|secrets|credential|password|private key)/i,
  /(?:^|[.!?:;,] ?|\b(?:please|must|should|then|and|now) )(?:send|post|upload|exfiltrate|forward|email|leak)\b.{0,60}\b(?:secrets?|tokens?|credentials?|passwords?|keys?|env|\.env|memor(?:y|ies)|conversations?|history|files?|contents?)\b.{0,80}\b(?:to|at)\b.{0,20}(?:https?:|[\w.-]+@[\w.-]+|\b\d{1,3}(?:\.\d{1,3}){3}\b)/i,
  /\b(?:do not|don't|never|without) (?:tell|inform|notify|mention(?: this| it)? to|alert|telling|informing|alerting|notifying)(?: (?:this|it))?(?: to)? (?:the |your )?(?:user|human|developer|operator|anyone)s?\b.{0,60}(?:this|that|about|run|install|send|delete|secret|instruction|$)/i,
  /\b(?:attention|note|message|notice|reminder|instructions?|dear|hey|hi|hello)\b,? ?(?:to|for)? ?(?:all |any |the |future )*(?:ai|llm|language model|assistant|agent|model|claude|codex|chatgpt|gpt|gemini)s?\b.{0,30}?[:,!]/i,
  /\b(?:when|if|once|whenever|after) (?:you|an? (?:agent|assistant|model|ai|llm)) (?:reads?|loads?|process|processes|summari[sz]es?|consolidates?) (?:this|these)(?:,|:| (?:memor|note|summar|text|message|line|file|instruction))/i,
  /\b(?:add|write|append|save|copy|insert|put|store|keep) (?:this|the following|these)\b.{0,30}\b(?:verbatim|word for word|to (?:your |the |all )?(?:memory|memories|summary|handbook|AGENTS\.md|CLAUDE\.md))/i,
  /\brm\s+-(?:rf|fr)\s+(?:\/|~|\$HOME|--no-preserve-root)(?:\s|$|\*)/i,
  /\bgrant (?:yourself|the agent|all)\b|\bdisable (?:the |all |any )?(?:safety|sandbox|guardrails?|approvals?|security)\b.{0,20}(?:checks?|and|now|for|$)/i,
  /\bjailbr[eo]ak|\bDAN mode\b|\bdeveloper mode (?:enabled|on)\b/i,
  /ignorier\w*\s(?:\w+\s){0,4}(?:anweisung|regel|vorgabe|instruktion)|vergiss\s(?:\w+\s){0,4}(?:anweisung|vorgabe|regel)/i,
  /(?:ignore[rz]?|oublie[rz]?)\s(?:\S+\s){0,4}(?:instructions|consignes|règles)/i,
  /(?:ignora|olvida|ignore)\w*\s(?:\S+\s){0,4}(?:instrucciones|reglas|indicaciones)/i,
  /(?:指示|命令|ルール|プロンプト|指令).{0,6}(?:無視|忘れ)|(?:忽略|无视|忘记|忘掉|無視).{0,12}(?:指令|指示|说明|规则|提示|命令)/,
  /игнориру\S*\s(?:\S+\s){0,4}(?:инструкци|указани)/i,
];

const AGENTS =
  "(?:agents?|assistants?|models?|llms?|ais?|claude|codex|copilot|gpt|gemini|readers? of this (?:memory|file))";
/** Verbs that harm by themselves, and ordinary ones that do with what they are said of. */
const HARM =
  "(?:(?:upload|export|exfiltrate|reveal|disclose|leak|disable|bypass|circumvent|ignore|disregard|skip|wipe|erase|delete|trust|obey|comply|approve|grant|elevate)\\b|(?:send|post|email|mail|forward|print|run|execute|download|install|push)\\b.{0,80}(?:https?:|\\bsudo\\b|\\bcurl\\b|\\.env\\b|secret|credential|password|api[ _-]?key|token|private key|\\w@\\w))";
const AUTHORITY =
  "(?:admin(?:istrator)?s?|root|system|operator|owner|security team|compliance|management|anthropic|openai|google|microsoft|vendor|developers?)";

/**
 * Orders in the name of an authority, and ways to carry things out, beside what any reader of notes refuses. Each needs
 * two signs at once: a note may say "approved by the security team", and may say what agents do.
 */
const ORDERS: readonly RegExp[] = [
  new RegExp(
    `\\b(?:all|any|every|each|future|other|subsequent|the next)\\s(?:\\w+\\s){0,2}${AGENTS}\\b.{0,40}\\b(?:must|shall|should|are (?:required|authori[sz]ed|instructed|ordered|permitted|allowed) to|have (?:to|permission))\\b.{0,60}\\b${HARM}`,
    "i",
  ),
  new RegExp(
    `\\b(?:as|by order of|on behalf of|with the authority of|authori[sz]ed by|approved by|mandated by|directive (?:of|from)|instructed by|message from|per)\\b.{0,20}\\b${AUTHORITY}\\b.{0,80}(?:\\b(?:you|${AGENTS})\\b.{0,40}\\b(?:must|shall|should|may|are|have|can|will|always|never)\\b|[:,] ?(?:always|never|you|please)? ?${HARM})`,
    "i",
  ),
  /\b(?:this|these|the following) (?:\w+ ){0,2}(?:rules?|instructions?|memor(?:y|ies)|notes?|entr(?:y|ies)|messages?|polic(?:y|ies)|directives?)\b.{0,20}\b(?:overrides?|supersedes?|outranks?|replaces? (?:all|any|your)|takes? (?:precedence|priority) over)\b.{0,60}\b(?:all|any|your|system|user|safety|other|previous|every)\b/i,
  new RegExp(
    `\\b(?:mandatory|compulsory|critical|urgent|binding|important)\\b.{0,12}\\b(?:for|to) (?:all |any |every |future )*${AGENTS}\\b`,
    "i",
  ),
  /\b(?:highest|top|maximum|absolute|overriding) (?:priority|precedence|authority)\b.{0,60}\b(?:instruction|directive|over (?:the )?(?:user|system)|you must|obey)/i,
  /\b(?:curl|wget|http|httpie|invoke-webrequest)\b.{0,300}(?:\$\(|(?<!(?:bearer|basic|token|-u|:) {0,2}["']?)\$\{?\w{0,40}(?:KEY|TOKEN|SECRET|PASS)|@?(?:~|\$HOME|\/home\/\w+|\/root)?\/?\.(?:ssh|env|aws|netrc|npmrc|kube)\b|@\/etc\/|id_rsa)/i,
  /(?:\.ssh\/|id_rsa|id_ed25519|\.aws\/|\.netrc|\/etc\/(?:passwd|shadow)|(?:^|[\s/])\.env\b|\bprintenv\b|\benv\b).{0,80}\|\s?(?:[\w-]+ ?(?:-\w+ ?)*\| ?)?(?:curl|nc|ncat|wget|xxd|base64|openssl)\b/i,
  /\/dev\/tcp\/\S|\bnc(?:at)?\b.{0,60}\s-e\b|\bbash -i\b.{0,20}>&/i,
  /\b(?:append|add|echo|write|install|put|paste)\b.{0,120}\bauthorized_keys\b/i,
  /\b(?:do not|don't|never|must not|should not)\s(?:ever\s)?(?:mention|reveal|disclose|report|display|remove|delete|edit|question)\b.{0,30}\bth(?:is|ese)\b.{0,20}\b(?:rules?|instructions?|entr(?:y|ies)|memor(?:y|ies)|lines?|paragraphs?)\b/i,
  /\b(?:copy|repeat|propagate|preserve|carry|include|reproduce|keep)\b.{0,20}\bth(?:is|ese)\b.{0,40}\b(?:every|all|future|each|next)\b.{0,30}\b(?:summar|memor|consolidation|run|handbook|session)/i,
  /\b(?:you|agents?|assistants?)\b.{0,30}\b(?:must|should|shall|have to|need to|always|are to)\b.{0,60}\b(?:without|no) (?:asking|confirmation|approval|permission|the user(?:'s)?|telling|informing|user (?:consent|approval))\b.{0,120}\b(?:https?:|curl|delete|push|install|sudo|secret|credential|token|disable)/i,
  /(?:disabl|bypass|turn(?:ing)? off|deactivat|remov)\w*\b.{0,20}\b(?:the |all |your |any )(?:sandbox|safety|guardrails?|security checks?|approval prompts?|permission checks?)\b.{0,60}\b(?:you|agents?|assistants?|must|always|before|whenever|future)\b/i,
];

const WHO = `(?:you|your|(?:the |all |any |every |our |future |other |ai |coding )*(?:${AGENTS.slice(3, -1)}|bots?|tools?|automations?|contributors?))`;
const DUTY =
  "(?:must|shall|should|have to|has to|need to|needs to|ought to|are to|is to|can|may|will|always|are (?:allowed|expected|required|free|permitted|asked|told|instructed) to|is (?:allowed|expected|required) to|are meant to|want(?:s)? (?:you|agents?|assistants?|the (?:agent|assistant)) to)";
/** What protects the work of others; to leave it out is harm only as a rule for agents. */
const GUARD =
  "(?:(?:code |peer |security |human |manual |pull request |pr )?reviews?(?: (?:step|process|phase|stage))?|reviewers?|approvals?|confirmations?|permission(?:s| prompts?| checks?)?|(?:the )?tests?(?: suite)?|ci(?: checks?)?|checks|(?:pre-?commit |git )?hooks?|sign(?:ing|-off|offs?)|branch protections?|code ?owners|security scans?|scanners?|linters?|sandbox(?:ing)?|guard ?rails?|safety \\w{1,20}|audit(?: logs?| trail)?|2fa|mfa|two-factor \\w{1,20})";
const LEAVE =
  "(?:skip|bypass|omit|avoid|ignore|circumvent|work around|disable|turn off|switch off|leave out|drop|not wait for|stop waiting for|go around|dismiss|override|suppress)";
const NOT_NEGATED =
  "(?<!\\b(?:never|not|n't|n’t|cannot|without|nobody|no one|don't|refuse[sd]? to|forbidden to|instead of|rather than) (?:to |be |ever |just |simply |try to |attempt to )?)";
const UNASKED =
  "(?:without (?:asking|review|a review|any review|approval|confirmation|confirming|permission|checking|reading|looking|waiting|telling|notice|prompting|the user(?:'s)?|human|user)|unasked|no questions asked|no (?:need|reason) to (?:ask|wait|review|confirm|check)|no (?:review|approval|confirmation|permission) (?:is )?(?:needed|required|necessary))";
const ACT_WORDS =
  "(?:push(?:es|ed|ing)?|force[- ]push\\w{0,3}|merge[sd]?|merging|commit(?:s|ted|ting)?|deploy(?:s|ed|ing)?|publish(?:es|ed|ing)?|release[sd]?|delet(?:e[sd]?|ing)|remov(?:e[sd]?|ing)|drop(?:s|ped|ping)?|wip(?:e[sd]?|ing)|install(?:s|ed|ing)?|run(?:s|ning)?|execut(?:e[sd]?|ing)|approv(?:e[sd]?|ing)|accept(?:s|ed|ing)?|grant(?:s|ed|ing)?|upload(?:s|ed|ing)?|send(?:s|ing)?|overwrit(?:e[sn]?|ing)|reset(?:s|ting)?|rewrit(?:e[sn]?|ing))";
const BRANCH = "(?:main|master|trunk|prod(?:uction)?|the (?:default|release|protected) branch|origin)";

/** Plain-worded rules that take protection away: skip the review, push to main, say yes to everything. */
const LAX_RULES: readonly RegExp[] = [
  new RegExp(
    `\\b${WHO} (?:\\w+ ){0,2}${DUTY}\\b.{0,30}${NOT_NEGATED}\\b${LEAVE}\\b.{0,30}\\b${GUARD}\\b`,
    "i",
  ),
  new RegExp(
    `\\b${WHO} (?:\\w+ ){0,2}${DUTY}\\b.{0,30}${NOT_NEGATED}\\b(?:push|merge|commit|deploy|release)\\b.{0,40}\\b(?:straight|directly|right|immediately)\\b.{0,20}\\b(?:to|into|on) ${BRANCH}\\b`,
    "i",
  ),
  new RegExp(
    `(?:^|[.;:!] |[-*] )(?:always |please |just |simply |then )?${LEAVE} (?:the |all |any |every |your )?${GUARD}\\b.{0,80}\\b(?:and|then|,)\\b.{0,20}\\b${ACT_WORDS}\\b.{0,60}\\b(?:straight|directly|${BRANCH}|anyway|at once|immediately)\\b`,
    "i",
  ),
  new RegExp(
    `\\b(?:always|must|should|every time|from now on|by default|in this repo(?:sitory)?)\\b.{0,80}${NOT_NEGATED}\\b${ACT_WORDS}\\b.{0,60}\\b${UNASKED}\\b`,
    "i",
  ),
  /\bgit push\b.{0,40}(?:--force|-f\b|\+\w).{0,60}\b(?:must|should|always|have to|needs? to be|is (?:fine|ok|okay|safe|allowed|required|expected))\b/i,
  new RegExp(
    `\\b(?:must|should|always|have to)\\b.{0,60}${NOT_NEGATED}\\b(?:use|run|do|call)?\\b.{0,20}\\bgit push\\b.{0,20}(?:--force|-f\\b).{0,40}\\b(?:${BRANCH}|${UNASKED})\\b`,
    "i",
  ),
  new RegExp(
    `\\b(?:deployments?|merges?|pushes|releases?|installs?|installations?|changes?|commits?|deletions?|pull requests?|prs?)\\b.{0,20}\\b(?:must|should|can|may|are to|have to)\\b ${NOT_NEGATED}(?:(?!not\\b|never\\b)\\w+ ){0,3}${UNASKED}\\b`,
    "i",
  ),
  new RegExp(
    `\\b${ACT_WORDS}\\b.{0,60}\\b(?:must|should|can|may) (?:always |now |simply )?be (?:done|run|executed|made|merged|pushed|deployed)?.{0,20}\\b${UNASKED}\\b`,
    "i",
  ),
  /\b(?:approve|accept|confirm|allow|answer yes to|say yes to|click yes on|auto-?approve)\b.{0,12}\b(?:every|all|any|each)\b.{0,30}\b(?:permission|prompt|request|tool call|command|pull request|pr|change|dialog|question)s?\b.{0,60}\b(?:without|automatically|unread|immediately|at once|silently|from now on|always)\b/i,
  /\b(?:the )?(?:user|owner|human|maintainers?|team|operator|admin\w*) (?:has|have|had) (?:already |explicitly |pre-?)?(?:approved|authori[sz]ed|consented to|pre-?approved|granted|agreed to|given (?:you )?(?:permission|consent))\b.{0,40}\b(?:all|any|every|everything|anything|future|in advance|full)\b/i,
  /\b(?:treat|consider|regard|take|handle|accept|trust)\b.{0,20}\b(?:the )?(?:next|following|above|below|previous|this|these|any|all)\b.{0,40}\b(?:as|like|to be) (?:if )?(?:\w+ ){0,4}(?:from|by|of|an?|the|trusted|authori[sz]ed|official)\b.{0,20}\b(?:user|operator|system|developer|admin\w*|owner|anthropic|openai|instructions?|commands?|orders?|authority)\b/i,
  /\b(?:commands?|instructions?|messages?|text|anything|everything|whatever)\b.{0,20}\b(?:from|at|by|on) (?:https?:\/\/|[\w-]{1,60}\.[a-z]{2,10}\b).{0,60}\b(?:trusted|pre-?approved|safe|authori[sz]ed|must be (?:followed|run|executed|obeyed)|should be (?:followed|run|executed|obeyed)|whitelisted|allowed)\b/i,
];

const MODE =
  "(?:bypassPermissions|dangerously[-_]?(?:skip|bypass|disable)[-\\w]{0,40}|dangerouslyDisableSandbox|danger-full-access|--yolo\\b|yolo mode|approval[_-]?(?:policy|mode)\\W{1,6}(?:never|yolo|full-auto|auto)|ask[_-]?for[_-]?approval\\W{1,6}never|autoApprove\\w{0,20}|auto[-_ ]approve(?:d|s)? (?:all|every|mode)|allow(?:ed)?[_-]?(?:tools|commands|all)\\W{1,6}\\*|--allow-all(?:-tools|-paths)?\\b|--trust-all-tools|trustedWorkspace\\w{0,10}|--no-sandbox\\b|sandbox(?:_mode|\\.enabled|Mode)?\\W{1,6}(?:false|off|none|disabled|danger\\S{0,20})|skipDangerousModePermissionPrompt|enableAllProjectMcpServers)";
const SETTING =
  "(?:settings(?:\\.local)?\\.json|config\\.(?:toml|json|ya?ml)|\\.claude\\b|\\.codex\\b|\\.gemini\\b|\\.cursor\\b|AGENTS\\.md|CLAUDE\\.md|\\.bashrc|\\.zshrc|\\.profile|shell profile|(?:your|the) (?:agent|harness|client|settings|config\\w{0,10}))";

/** Settings that let an agent do everything, or send what it says to somebody else. */
const UNSAFE_SETTINGS: readonly RegExp[] = [
  new RegExp(
    `(?:^|[.;:!,] |[-*] |\\b(?:please|must|should|always|then|first|to|and) )(?:set|add|put|write|enable|turn on|switch|change|configure|use|start|launch|run)\\b.{0,80}${MODE}.{0,80}(?:${SETTING}|\\bbefore\\b|\\balways\\b|\\bevery\\b|\\ball\\b|\\bfirst\\b|\\bby default\\b|\\byou\\b|\\bagents?\\b)`,
    "i",
  ),
  new RegExp(
    `(?:^|[.;:!,] |[-*] |\\b(?:please|must|should|always|then|first) )(?:set|add|put|write|enable|change|configure)\\b.{0,80}${SETTING}.{0,80}${MODE}`,
    "i",
  ),
  new RegExp(
    `\\b${WHO} (?:\\w+ ){0,2}${DUTY}\\b.{0,60}${NOT_NEGATED}\\b(?:use|run|start|set|enable|pass|work|be)\\b.{0,60}${MODE}`,
    "i",
  ),
  /\b(?:ANTHROPIC|OPENAI|GEMINI|GOOGLE_\w{1,20}|AZURE_\w{1,20}|MISTRAL|CODEX|CLAUDE\w{0,20}|LLM|OPENROUTER|DEEPSEEK|GROQ|XAI)_(?:API_)?(?:BASE_URL|API_BASE|BASE|ENDPOINT|HOST|PROXY|URL)["'`]?\s{0,3}[=:]\s{0,3}["'`]?(?:https?:\/\/)?(?!(?:localhost|127\.|0\.0\.0\.0|\[?::1|host\.docker\.internal|10\.|192\.168\.|api\.(?:anthropic|openai|mistral|deepseek|groq|x)\.(?:com|ai)|generativelanguage\.googleapis|openrouter\.ai|[\w-]{1,60}\.openai\.azure\.com|\$|<|\{))[\w-]{1,60}\./i,
  /\b(?:add|append|put|set|export|write)\b.{0,60}\b(?:HTTPS?_PROXY|ALL_PROXY|NODE_OPTIONS|LD_PRELOAD|GIT_SSH_COMMAND|PYTHONSTARTUP|BASH_ENV|PROMPT_COMMAND)\s{0,2}=\s{0,2}["'`]?(?!(?:https?:\/\/)?(?:localhost|127\.)|--max-old-space-size|--experimental|--no-warnings|--inspect|--enable-source-maps|["'`\s]|\$)\S{3,}.{0,80}\b(?:profile|bashrc|zshrc|shell|before|every|always|you|agents?)\b/i,
  /\b(?:npm|yarn|pnpm|bun)\b.{0,30}\bregistry\b.{0,12}https?:\/\/(?!(?:localhost|127\.|registry\.npmjs\.org|registry\.yarnpkg\.com|npm\.pkg\.github\.com|[\w-]{1,60}\.jfrog\.io|[\w.-]{1,80}\.pkg\.dev|[\w.-]{1,80}amazonaws\.com|registry\.npmmirror\.com))\S{4,}.{0,80}\b(?:before|always|must|should|you|agents?|every|install)\b/i,
  /\bpip3?\b.{0,60}(?:--index-url|--extra-index-url|-i)[ =]https?:\/\/(?!(?:localhost|127\.|pypi\.org|test\.pypi\.org|download\.pytorch\.org|[\w.-]{1,80}\.jfrog\.io|[\w.-]{1,80}\.pkg\.dev|[\w.-]{1,80}amazonaws\.com|mirrors?\.))\S{4,}/i,
  /\b(?:always|must|should|every|all agents|you)\b.{0,60}(?:NODE_TLS_REJECT_UNAUTHORIZED\s?=\s?["']?0|\bstrict-ssl\s+false|http\.sslVerify\s+false|--insecure\b|\bchmod (?:-R )?777 [/~])/i,
  /\b(?:add|append|write|put|place|copy|install)\b.{0,80}\b(?:hook|hooks|mcp server|mcpServers|cron ?job|crontab|launchd|systemd)\b.{0,80}(?:https?:\/\/(?!localhost|127\.)|\bcurl\b|\bwget\b|\bnpx -y\b).{0,200}/i,
];

const SECRETS =
  "(?:private keys?|ssh keys?|id_(?:rsa|ed25519|ecdsa|dsa)\\w{0,4}|\\.ssh\\b|~?\\/?\\.aws\\b|\\.netrc|\\.npmrc|\\.env\\b(?:\\.\\w{1,12})?|kube ?config|keychain|credentials?|secrets?|passwords?|passwd|api[ _-]?keys?|(?:access |auth |session |bearer )?tokens?|cookies?|env(?:ironment)? variables?|environment|(?:shell|command|chat|conversation|browser) history|transcripts?|customer data|(?:database|db) dumps?|source code|wallet|seed phrase|memory files?|MEMORY\\.md|system prompt)";
const OUTSIDE =
  "(?:https?:\\/\\/(?!(?:localhost|127\\.|0\\.0\\.0\\.0|\\[?::1))|ftp:\\/\\/|[\\w.+-]{1,60}@[\\w-]{1,60}\\.[a-z]{2,10}\\b|\\b\\d{1,3}(?:\\.\\d{1,3}){3}\\b(?<!127\\.0\\.0\\.1)|\\b(?:pastebin|paste\\.\\w{1,20}|transfer\\.sh|webhook\\.site|requestbin|ngrok|a (?:public )?gist|public bucket|telegram|discord|t\\.me)\\b)";
const SEND =
  "(?:send|post|put|upload|share|copy|scp|rsync|paste|mail|email|e-mail|forward|exfiltrate|leak|transmit|submit|push|publish|deliver|attach|include|report|beacon|sync|curl)";

/** What leaves the machine, and what is told to whoever asks. */
const EXFILTRATION: readonly RegExp[] = [
  new RegExp(
    `(?:^|[.;:!,] |[-*] |\\b(?:please|must|should|always|then|and|first|to|will|can) )${SEND}\\b.{0,60}${SECRETS}\\b.{0,80}\\b(?:to|at|via|into|on|through|with)\\b.{0,30}${OUTSIDE}`,
    "i",
  ),
  new RegExp(
    `(?:^|[.;:!,] |[-*] |\\b(?:please|must|should|always|then|and|first|to) )${SEND}\\b.{0,30}\\b(?:to|at)\\b.{0,20}${OUTSIDE}.{0,80}\\b(?:the |your |all |any )(?:contents? of )?.{0,20}${SECRETS}`,
    "i",
  ),
  /\]\(\s{0,4}<?https?:\/\/[^)\s]{1,300}(?:\{\{|\$\{|\$\(|<%|%\{|\{env\b|\{[A-Z][A-Z0-9_]{2,}\}|\[(?:SECRET|TOKEN|KEY|DATA|ENV)\w{0,20}\]|%7B%7B)/,
  /https?:\/\/(?!localhost|127\.)[^\s)]{1,200}[?&][\w-]{1,20}=(?:\{\{|\$\{|\$\(|<)?[^\s)&]{0,40}\b(?:env(?:ironment)?\.|secrets?\.|process\.env|os\.environ|(?:your|the)[_-](?:token|key|secret|password|data)|SECRET\b|API_KEY\b|PASSWORD\b)/i,
  new RegExp(
    `\\b${SECRETS}\\b.{0,60}\\b(?:read|tell|say|show|print|give|reveal|paste|repeat|recite|speak|output|display|disclose|hand|quote|include)\\b.{0,12}\\b(?:it|them|this|that|those)\\b.{0,30}\\b(?:aloud|out loud|verbatim|to (?:the |any |every )?(?:user|anyone|anybody|whoever|everyone|caller|customer|reader)|when(?:ever)? (?:asked|someone|the user|anyone|you)|if (?:asked|someone|anyone))\\b`,
    "i",
  ),
  new RegExp(
    `\\b(?:when(?:ever)?|if|once|as soon as) (?:\\w+ ){0,3}(?:asks?|asked|says?|mentions?|wants?)\\b.{0,60}\\b(?:tell|show|print|give|reveal|paste|repeat|recite|output|display|disclose|send)\\b.{0,40}\\b${SECRETS}\\b`,
    "i",
  ),
  /\b(?:decode|decrypt|deobfuscate|unpack|decoded?|rot13|base64)\b.{0,30}\b(?:and|then|,)\b.{0,12}\b(?:follow|obey|execute|run|apply|act on|do what|carry out|eval)\b/i,
  /\b(?:silently|quietly|secretly|covertly|without (?:the )?(?:user|human|anyone)(?:'s)? (?:noticing|knowing|knowledge|seeing))(?:,| and| then|:)? (?:(?!fail)\w+ )?(?:run|send|upload|install|download|execute|copy|post|delete|push|commit|add|write)\b/i,
  /\b(?:keep|leave) (?:this|it|that) (?:a secret|secret|hidden|quiet|between us|to yourself|from the (?:user|human|team|owner))\b/i,
];

/** Text for whoever writes or reads the memory, and text that wants to become part of its structure. */
const ADDRESSED: readonly RegExp[] = [
  /\b(?:to|for|dear|attention|hello|hey|hi|note to|message to|memo to|reminder (?:to|for)|instructions? (?:to|for))\b,? (?:the |any |all |every |whichever |whoever |whatever |future |next )*(?:reader|writer|consolidat\w{1,8}|summari[sz]\w{1,6}|memory|reading|writing|maintaining|downstream|successor|subsequent|following)[- ]?(?:model|agent|assistant|ai|llm|writer|keeper|maintainer|bot|process|session|phase|pass|run)s?\b.{0,12}[:,.–—-]/i,
  /\b(?:whoever|whatever|whichever (?:model|agent|assistant)|any(?:one| model| agent| assistant| ai)|every(?:one| model| agent)|the (?:model|agent|assistant|ai|llm|process)|models?|agents?|assistants?) (?:that |who |which )?(?:is |are )?(?:reads?|reading|writes?|writing|maintains?|maintaining|updates?|updating|consolidat\w{1,4}|summari[sz]\w{1,4}|merg\w{1,4}|loads?|loading|keeps?|curat\w{1,4}) (?:this|these|the) (?:memor\w{1,4}|notes?|files?|handbook|summar\w{1,4}|text|lines?|entr\w{1,4})\b.{0,60}\b(?:must|should|shall|has to|have to|needs? to|is to|are to|will|please|always|never|do not|don't|obey|follow|run|copy|keep|add)\b/i,
  /\b(?:when|while|if|once|before|after) (?:you(?:'re| are)? )?(?:consolidat\w{1,4}|summari[sz]\w{1,4}|merg\w{1,4}|writ\w{1,4}|updat\w{1,4}|rebuild\w{0,4}|creat\w{1,4}) (?:the |this |these |your )?(?:memor\w{1,4}|handbook|summar\w{1,4}|notes|MEMORY\.md|memory_summary\.md)\b.{0,20}[,:]? ?(?:you |please |always |never |do not |don't |add|put|place|include|write|copy|keep|omit|drop|delete|remove|ignore|replace|make|insert)/i,
  /\b(?:put|place|add|write|insert|move|pin|copy|include|list|store|promote|keep) (?:this|these|the following|it|them|that)\b.{0,60}\b(?:at the (?:top|beginning|start) of|under|into|in|to|as the first)\b.{0,20}(?:user preferences|memory_summary(?:\.md)?\b|MEMORY\.md\b|the (?:memory|handbook)\b|your memory|every (?:future )?(?:session|summary|memory)\b)/i,
  /<\/?(?:antml:\w{1,20}|function_(?:calls?|results?)|tool_(?:calls?|use|results?|response)|invoke|parameter|tool|tools|think|thinking|system-reminder|system_prompt|user_query|assistant|human|instructions?)\b[^>\n]{0,120}>.{0,400}(?:<\/|\bname=)/i,
  /(?:^|\s)(?:<invoke name=|<parameter name=|<tool_call>|<function=|<\|tool|\[TOOL_CALLS?\]|\{"(?:tool|function|name)"\s?:\s?"[\w.]{1,40}"\s?,\s?"(?:arguments|args|input|parameters)"\s?:)/i,
];

/** The same in other languages: to forget the rules, to send secrets away, to act without asking. */
const OTHER_LANGUAGES: readonly RegExp[] = [
  /(?:agenten|assistenten|ki[- ]\w{1,20}|modelle?|bots?|du|ihr|sie)\b.{0,20}\b(?:soll|sollen|sollst|muss|müssen|musst|darf|dürfen|kann|können|sollte|sollten)\b.{0,60}\b(?:review|prüfung|freigabe|tests?|genehmigung|bestätigung|kontrolle|sandbox|rückfrage)\w{0,4}\b.{0,20}(?:überspring|auslass|umgeh|weglass|ignorier|abschalt|deaktivier)/i,
  /\bohne (?:rückfrage|nachfrage|review|freigabe|zu fragen|nachzufragen|genehmigung|bestätigung|prüfung)\b.{0,60}\b(?:pushen|gepusht|push|mergen|gemergt|deployen|löschen|gelöscht|installieren|ausführen|ausgeführt|hochladen|committen)/i,
  /\b(?:sende|senden|schicke?n?|lade|übertrage?n?|kopiere?n?|poste?n?|veröffentliche?n?)\b.{0,60}(?:schlüssel|passw|zugangsdaten|geheimnis|token|umgebungsvariablen|\.env\b|\.ssh\b).{0,60}(?:https?:|@|\bhoch\b|\ban \S+\.\w)/i,
  /\blösch\w{0,3}\b.{0,20}\b(?:das|die|den|alle|gesamte\w?)\b.{0,20}\b(?:repository|repo|datenbank|backups?|speicher|branch|festplatte|home)\b/i,
  /(?:agents?|assistants?|ia|vous|tu|modèles?)\b.{0,20}\b(?:doi(?:t|s|vent|vez)|peu(?:t|vent|x)|devrai\w{1,4})\b.{0,40}\b(?:ignorer|sauter|contourner|désactiver|passer outre)\b.{0,30}(?:revue|relecture|tests?|validation|confirmation|approbation|sécurité)/i,
  /\bsans (?:demander|confirmation|validation|relecture|revue|autorisation|approbation|prévenir)\b.{0,60}\b(?:pousse|push|fusionne|merge|supprime|installe|exécute|déploie)|\b(?:pousse|push|fusionne|merge|supprime|installe|exécute|déploie)\w{0,3}\b.{0,60}\bsans (?:demander|confirmation|validation|relecture|revue|autorisation|approbation)/i,
  /\b(?:envoie|envoyer|envoyez|transmet\w{0,4}|téléverse\w{0,2}|publie\w{0,2}|copie\w{0,2})\b.{0,60}(?:clés?|mots? de passe|secrets?|identifiants|jetons?|variables d'environnement|\.env\b|\.ssh\b).{0,60}(?:https?:|@)/i,
  /(?:agentes?|asistentes?|ia|tú|usted|modelos?)\b.{0,20}\b(?:deben?|debes|pueden?|tienen? que|debería\w{0,2})\b.{0,40}\b(?:omitir|saltarse?|ignorar|evitar|desactivar)\b.{0,30}(?:revisión|pruebas|aprobación|confirmación|permisos?|seguridad)/i,
  /\bsin (?:preguntar|revisión|confirmar|confirmación|permiso|aprobación|avisar)\b.{0,60}\b(?:push|sube|subir|fusiona|borra|elimina|instala|ejecuta|despliega)|\b(?:push|sube|subir|fusiona|borra|elimina|instala|ejecuta|despliega)\w{0,3}\b.{0,60}\bsin (?:preguntar|revisión|confirmar|confirmación|permiso|aprobación)/i,
  /\b(?:envía|envia|enviar|envíe|manda|mande|sube|suba|publica)\b.{0,60}(?:claves?|contraseñas?|secretos?|credenciales|tokens?|variables de entorno|chaves?|senhas?|\.env\b|\.ssh\b).{0,60}(?:https?:|@)/i,
  /(?:ignore|ignora|esqueça|esquece|desconsidere|dimentica|ignorate|dimenticate|negeer|vergeet|zignoruj|zapomnij|ignoruj|glöm|ignorera|unohda)\w{0,3}\s(?:\S+\s){0,4}(?:instruções|istruzioni|indicazioni|regole|regras|instructies|aanwijzingen|regels|instrukcj\w|polece\w{1,3}|zasady|instruktioner\w?|ohjeet)/i,
  /(?:önceki|yukarıdaki|tüm)\s(?:\S+\s){0,3}(?:talimat|kural|yönerge)\S{0,8}\s(?:\S+\s){0,2}(?:yok say|görmezden|unut|dikkate alma)/i,
  /(?:bỏ qua|quên|phớt lờ)\s(?:\S+\s){0,4}(?:hướng dẫn|chỉ dẫn|quy tắc|lệnh)/i,
  /(?:تجاهل|انس|انسى|أهمل).{0,20}(?:التعليمات|الأوامر|القواعد)|(?:निर्देश|आदेश|नियम).{0,30}(?:अनदेखा|भूल|नज़रअंदाज़)|(?:이전|위의|모든).{0,12}(?:지시|명령|규칙|지침|프롬프트).{0,8}(?:무시|잊)/,
  /(?:забудь|забыть|отбрось|не учитывай|пренебреги|проигнориру)\S{0,3}\s(?:\S+\s){0,4}(?:инструкци|указани|правил)|(?:без (?:проверки|ревью|подтверждения|разрешения|спроса|вопросов)).{0,60}(?:пуш|мерж|слива|удал|установ|деплой|выполн)|(?:отправ|загруз|вышли|пошли|перешли)\S{0,4}.{0,40}(?:ключ|парол|секрет|токен|переменн\S{1,3} окружени).{0,40}(?:https?:|@|на )|(?:агент|ассистент|модел)\S{0,4}.{0,30}(?:долж|следует|обязан).{0,40}(?:пропуска|пропусти|обходи|игнориро).{0,30}(?:проверк|ревью|тест|подтвержд)/i,
  /(?:发送|上传|泄露|提交|发布|转发|传送|外传).{0,20}(?:密钥|环境变量|密码|凭证|凭据|令牌|私钥|机密)|(?:密钥|环境变量|密码|凭证|凭据|令牌|私钥|机密).{0,60}(?:发送|上传|泄露|发到|发给|提交到|传到)|(?:跳过|绕过|无需|不需要|不要|省略).{0,8}(?:代码)?(?:审查|审核|评审|测试|确认|批准|许可).{0,20}(?:直接|推送|合并|提交|部署|删除|安装)|(?:直接推送|强制推送).{0,12}(?:main|master|主分支)/i,
  /(?:鍵|パスワード|環境変数|秘密|トークン|認証情報).{0,60}(?:送信|アップロード|送って|送る|公開)|(?:レビュー|確認|承認|テスト).{0,8}(?:せず|なし|スキップ|省略|飛ば).{0,20}(?:push|プッシュ|マージ|デプロイ|削除|実行|インストール)|(?:비밀번호|키|토큰|환경 ?변수|인증 ?정보).{0,60}(?:전송|업로드|보내)|(?:리뷰|검토|확인|승인|테스트).{0,6}(?:없이|생략|건너뛰).{0,20}(?:푸시|push|병합|배포|삭제|실행|설치)/i,
];

/** Shapes of one kind, and the words of which each of them has one: most lines have none, and are done with. */
interface ShapeGroup {
  readonly needs: RegExp;
  readonly shapes: readonly RegExp[];
}

/** All of them; a piece of text that has one of these shapes is no note. */
export const INJECTION_SHAPES: readonly ShapeGroup[] = [
  {
    needs:
      /ignor|disregard|forget|overrid|bypass|\byou\b|you're|\bact as\b|from now on|henceforth|instruction|prompt|system|assistant|developer|\badmin|\broot\b|[<[]|###|curl|wget|fetch|iwr|\birm\b|invoke-webrequest|base64|agents?\b|models?\b|readers?\b|\bllms?\b|\bais?\b|send|post|upload|exfil|forward|e?mail|leak|reveal|print|repeat|show|output|do not|don't|never|without|attention|\bnote\b|message|notice|reminder|dear|\bhe[yi]\b|hello|\b(?:add|write|append|save|copy|insert|put|store|keep) (?:this|the following|these)|\brm\b|grant|disable|jailbr|dan mode|vergiss|oublie|olvida|[^\u0020-\u024f]/i,
    shapes: OVERRIDES,
  },
  {
    needs:
      /agents?\b|assistants?\b|models?\b|\bllms?\b|\bais?\b|claude|codex|copilot|\bgpt|gemini|readers? of|\b(?:as|by order of|on behalf of|with the authority|authori[sz]ed|approved|mandated|directive|instructed|message from|per)\b|\bth(?:is|ese)\b|the following|priority|precedence|authority|curl|wget|https?|\.ssh|id_|\.aws|\.netrc|\/etc\/|\.env|printenv|\benv\b|\/dev\/tcp|\bnc(?:at)?\b|bash -i|authorized_keys|do not|don't|never|must not|should not|\byou\b|disabl|bypass|turn|deactivat|remov/i,
    shapes: ORDERS,
  },
  {
    needs:
      /\byou\b|\byour\b|agents?\b|assistants?\b|models?\b|\bllms?\b|\bais?\b|claude|codex|copilot|\bgpt|gemini|\bbots?\b|\btools?\b|automations?|contributors?|always|must|should|every time|from now on|by default|in this repo|without|unasked|no questions|no (?:need|reason|review|approval|confirmation|permission)|straight|directly|immediately|anyway|at once|force|-f\b|approve|accept|confirm|allow|answer|say yes|click yes|the user|owner|human|maintainer|team|operator|admin|treat|consider|regard|trust|commands?|from https?/i,
    shapes: LAX_RULES,
  },
  {
    needs:
      /bypass|danger|yolo|approv|allow|trust|sandbox|permission|mcp|_(?:BASE|HOST|URL|ENDPOINT|PROXY|API)|NODE_|LD_PRELOAD|GIT_SSH|PYTHONSTARTUP|BASH_ENV|PROMPT_COMMAND|registry|index-url|pip3?\b|strict-ssl|sslverify|insecure|chmod|hook|cron|launchd|systemd/i,
    shapes: UNSAFE_SETTINGS,
  },
  {
    needs:
      /https?:|@|ftp:|paste|gist|transfer\.sh|webhook|ngrok|bucket|telegram|discord|t\.me|\d\.\d|key|\.ssh|\.aws|\.netrc|\.npmrc|\.env|kube|keychain|credential|secret|passw|token|cookie|environment|env var|history|transcript|customer data|dump|source code|wallet|seed phrase|memory|system prompt|decode|decrypt|deobfuscate|unpack|rot13|base64|silently|quietly|secretly|covertly|background|without|keep|leave|id_/i,
    shapes: EXFILTRATION,
  },
  {
    needs:
      /reader|writer|reading|writing|consolidat|summar|memor|handbook|maintain|downstream|successor|subsequent|following|notes?\b|files?\b|lines?\b|entr|text|preferences|session|<|\[TOOL|\{"/i,
    shapes: ADDRESSED,
  },
  {
    needs:
      /[^\u0020-\u007e]|agenten|assistenten|modelle|\bki[- ]|\bbots?\b|\b(?:du|ihr|sie|ohne|sende|schick|lade|kopier|poste|sans|agents?|assistants?|ia|vous|tu|agentes?|asistentes?|usted|modelos?|sin|env[ií]|manda|sube|suba|publi)|envoie|envoy|transmet|pousse|fusionne|supprime|installe|ignor|esque|desconsidere|dimentic|negeer|vergeet|zignoruj|zapomnij|unohda/i,
    shapes: OTHER_LANGUAGES,
  },
];

/** Lines that are the memory's own structure; in a note they are forged. */
export const STRUCTURE_SHAPE =
  /^\s*(?:[-*>] )?["'`*]{0,2}(?:#{1,3} ?(?:Task Group:|Task \d{1,6}:|rollout_summary_files\b|What's in Memory\b)|applies_to["'`]?\s{0,3}[:=] ?cwd|scope: .{0,200}reuse_rule|reuse_rule\s?=)/i;
