error{}
