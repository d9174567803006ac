-- What a person chose, question by question, where an answer is to questions: a JSON list of lists of texts. NULL for a permission.
ALTER TABLE answers ADD COLUMN answers TEXT;
