/** What in the files of a generation is a person's: their lines, and hashes of the lines they took away. */
export const handEdits = /* sql */ `
alter table generations add column hand_edits text;
`;
