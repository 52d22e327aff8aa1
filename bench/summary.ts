export const writeSummary = (folder: string): string => folder
