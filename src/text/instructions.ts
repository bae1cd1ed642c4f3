/**
 * Text that speaks to a model instead of recording something about work: attempts to override, to fake a role, to make
 * a reader run what it did not choose to run, or to keep something from the user. Such a piece is left out whole.
 *
 * Judged on what a model would read: hidden characters gone, look-alike widths folded.
 */
export function isInstruction(text: string): boolean {
  const read = text
    .slice(0, 6_000)
    .normalize("NFKC")
    .replace(/[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]/g, "")
    .replace(/[*_~\\]/g, "")
    .replace(/\s+/g, " ");
  return (
    patterns.some((pattern) => pattern.test(read)) ||
    (read.includes("`") && patterns.some((pattern) => pattern.test(read.replace(/`/g, ""))))
  );
}

const earlier =
  "(?:all |any |every |the |your |my |these |those |of )*(?:previous|prior|earlier|above|preceding|system|safety)";
const rules = "(?:[\\w-]+ ){0,2}(?:instruction|direction|prompt|rule|message|guideline|constraint)";

const patterns: readonly RegExp[] = [
  new RegExp(`\\b(?:ignore|disregard|forget|override|bypass)\\b.{0,20}?${earlier} ${rules}`, "i"),
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
