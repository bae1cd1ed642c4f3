export const redacted = "[REDACTED_SECRET]";

/** Replaces what has the shape of a secret. The import redacts first; this is the last line, for what slipped through. */
export function withoutSecrets(text: string): string {
  return shapes.reduce((rest, shape) => rest.replace(shape, replace), text);
}

function replace(...found: readonly unknown[]): string {
  const lead = found[1];
  return `${typeof lead === "string" ? lead : ""}${redacted}`;
}

const shapes: readonly RegExp[] = [
  /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:[\s\S]{0,8000}?-----END [A-Z ]{0,40}PRIVATE KEY-----|[\s\S]*$)/g,
  /\b(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b/g,
  /\b(?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{20,255}\b/g,
  /\bgithub_pat_[A-Za-z0-9_]{20,255}\b/g,
  /\bglpat-[A-Za-z0-9_-]{16,}/g,
  /\bnpm_[A-Za-z0-9]{30,}\b/g,
  /\bsk-(?:ant-|proj-|or-|svcacct-)?[A-Za-z0-9_-]{20,}/g,
  /\b(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}\b/g,
  /\bxox[abeoprs]-[A-Za-z0-9-]{10,}/g,
  /\bAIza[A-Za-z0-9_-]{30,}/g,
  /\bya29\.[A-Za-z0-9_-]{20,}/g,
  /\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}/g,
  /\bhf_[A-Za-z0-9]{30,}\b/g,
  /\bphc_[A-Za-z0-9]{30,}\b/g,
  /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]{4,})?/g,
  /\b((?:bearer|basic)\s{1,4})(?=[A-Za-z0-9._~+/-]{0,400}\d)[A-Za-z0-9._~+/-]{20,}={0,2}/gi,
  /\b([a-z][a-z0-9+.-]{1,20}:\/\/[^\s:/@]{1,100}:)[^\s@/]{3,200}(?=@)/gi,
  /\b((?:[a-z0-9]{1,30}[_-]){0,4}(?:password|passwd|secret|api[_-]?key|access[_-]?key|auth[_-]?token|private[_-]?key|token)["']?\s{0,3}[:=]\s{0,3}["']?)(?=[^\s"'`,;]{0,200}[0-9])(?=[^\s"'`,;]{0,200}[A-Za-z])[^\s"'`,;]{12,200}/gi,
];
